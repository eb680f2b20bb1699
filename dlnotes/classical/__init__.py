"""Shallow learning. Each module is one estimator: pure functions, fit(data, …) and what its fit is good for."""
