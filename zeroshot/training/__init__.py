"""Training: the recipe, one net, the nets of a run's pairs, and what the pairs then do."""
