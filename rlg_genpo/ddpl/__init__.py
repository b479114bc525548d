"""DDPL: one diffusion policy per agent."""
