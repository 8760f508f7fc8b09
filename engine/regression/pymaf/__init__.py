"""A body from one picture by PyMAF (Zhang et al. 2021) or SPIN, from the users' own checkpoints."""
