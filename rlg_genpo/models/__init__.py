"""rl_games models around the policy heads."""
