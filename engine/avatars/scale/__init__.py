"""Clothed avatars from surface elements: SCALE (Ma et al. 2021) and what its users ask for."""
