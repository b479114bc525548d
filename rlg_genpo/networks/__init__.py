"""Torch modules; builders.py alone imports rl_games."""
