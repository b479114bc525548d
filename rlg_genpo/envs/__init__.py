"""Simulators under rl_games: our adapters, and what is known of those that need none."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlg_genpo.envs.simulator import Simulator

#: by ``params.config.env_name``, the module whose ``SIMULATOR`` it is; imported when asked for
SIMULATORS = {
    "multigoal": "rlg_genpo.envs.multigoal",
    "game": "rlg_genpo.envs.game",
    "mjlab": "rlg_genpo.envs.mjlab",
    "vmas": "rlg_genpo.envs.vmas",
    "mamujoco": "rlg_genpo.envs.mamujoco",
    "envpool": "rlg_genpo.envs.envpool",
    "rlgpu": "rlg_genpo.envs.isaaclab",
}


def simulator_named(name: str) -> "Simulator":
    """One of the simulators that we know."""
    return importlib.import_module(SIMULATORS[name]).SIMULATOR


def simulator_of(config: Mapping[str, Any]) -> "Simulator":
    """The simulator of ``params.config``; one of which nothing is known if it is another's."""
    from rlg_genpo.envs.simulator import Simulator

    name = str(config.get("env_name"))
    if name in SIMULATORS and not simulator_named(name).is_foreign():
        return simulator_named(name)
    return Simulator(name)
