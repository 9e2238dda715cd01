"""Benchmarks: each runs our path and a bare reference in the same run and prints the ratio. `make bench`."""
