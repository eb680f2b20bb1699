"""Generative models: networks as Flax modules, their objectives as functions of one example."""
