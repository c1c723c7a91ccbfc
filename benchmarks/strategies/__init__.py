"""How far each search strategy comes, by what layers say of nets: run `python -m benchmarks.strategies`."""
