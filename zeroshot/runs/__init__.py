"""The run folder: file names, readers, whole-or-nothing writing, checkpoints."""
