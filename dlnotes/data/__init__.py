"""Sources of data: arrays that come with the dependencies, or files read in place."""
