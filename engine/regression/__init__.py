"""Images to body parameters by networks."""
