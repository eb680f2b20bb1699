"""Data: arrays that come with the dependencies, and files that a package manager fetches; batches of them."""
