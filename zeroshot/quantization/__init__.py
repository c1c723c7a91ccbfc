"""Float nets become int8 nets; thresholds on int8 scores."""
