"""Torch modules; only builders.py and trunks.py import rl_games."""
