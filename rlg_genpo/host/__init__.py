"""rl_games as it is."""
