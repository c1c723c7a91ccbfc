"""Class folders of recordings and of sensor logs: windows of int16 with labels, in parts that share nothing."""
