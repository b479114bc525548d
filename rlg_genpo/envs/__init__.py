"""Adapters from real simulators to rl_games; each simulator is imported only when it is used."""
