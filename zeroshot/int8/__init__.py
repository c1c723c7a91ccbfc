"""Int8 nets: what a device computes with, the arithmetic it does, and a reference that does the same here."""
