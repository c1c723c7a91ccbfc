"""What accuracy to expect of a net: features of its layers, the fitted model, calibration by a few trainings."""
