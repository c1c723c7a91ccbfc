"""What a net costs: MACs, weights, flash, peak SRAM, latency and energy on a board with an engine."""
