"""Structured pruning of trained nets."""
