"""Timings against peers, `python -m benchmarks --help`: a file with a function `cases` is a benchmark."""
