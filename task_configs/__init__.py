"""Configurations in rl_games' YAML form, resolvable as ``rlg_genpo.task_configs:NAME.yaml``."""
