"""How well pairs are predicted before training: a zoo of trained nets, what is fitted to it, and how it is judged."""
