"""What rl_games builds from a ``network:`` block: its own trunk with a policy head on it."""
