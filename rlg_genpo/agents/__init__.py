"""rl_games agents and players."""
