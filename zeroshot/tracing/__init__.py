"""Any PyTorch module becomes a layer table."""
