"""Neural networks: initializers, layers, models, and the measurements made on them."""
