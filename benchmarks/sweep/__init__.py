"""What the benchmarks `sweeps` and `limit` train: the networks, and who trains them."""
