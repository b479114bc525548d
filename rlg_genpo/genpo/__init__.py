"""GenPO: an invertible flow with an exact likelihood."""
