"""Objectives with known answers: quadratics of a given spectrum, and test functions."""
