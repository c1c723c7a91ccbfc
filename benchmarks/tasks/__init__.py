"""Tasks and nets beyond the zoo of `benchmarks.pair_truth`: how far predictions carry."""
