"""Simulators under rl_games: our adapters, and what is known of those that need none."""

from collections.abc import Mapping
from typing import Any

from rlg_genpo.envs import envpool, game, isaaclab, mamujoco, mjlab, multigoal, vmas
from rlg_genpo.envs.simulator import Simulator

#: by ``params.config.env_name``; no simulator's own module is imported for it
SIMULATORS: dict[str, Simulator] = {
    module.SIMULATOR.name: module.SIMULATOR
    for module in (multigoal, game, mjlab, vmas, mamujoco, envpool, isaaclab)
}


def simulator_of(config: Mapping[str, Any]) -> Simulator:
    """The simulator of ``params.config``; one of which nothing is known if it is another's."""
    name = str(config.get("env_name"))
    known = SIMULATORS.get(name)
    return Simulator(name) if known is None or known.is_foreign() else known
