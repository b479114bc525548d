"""Adapters from real simulators to rl_games; each simulator is imported only when it is used."""

from rlg_genpo.envs import game, mamujoco, mjlab, multigoal, vmas

#: our modules of simulators, by the ``params.config.env_name`` that each brings
SIMULATORS = {module.NAME: module for module in (multigoal, game, mjlab, vmas, mamujoco)}
