"""Torch modules; only trunks.py imports rl_games."""
