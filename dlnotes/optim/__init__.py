"""Optimizers as `optax.GradientTransformation`s, line searches and minimizers; what optax has is used from there."""
