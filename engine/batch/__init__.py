"""Many clips at once: which there are, what is left to do, Ray's workers, one report."""
