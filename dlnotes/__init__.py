"""Deep-learning course notes as tested JAX code, and their claims as experiments over many seeds."""

__version__ = "0.1.0"
