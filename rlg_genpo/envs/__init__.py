"""Simulators under rl_games: our adapters, and what is known of those that need none."""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlg_genpo.envs.simulator import Simulator


class Table(Mapping[str, "Simulator"]):
    """Simulators by name; the module that holds one is imported when it is asked for.

    Args:
        modules: by name, the module whose ``SIMULATOR`` it is.
    """

    def __init__(self, modules: dict[str, str]) -> None:
        self.modules = modules

    def __getitem__(self, name: str) -> "Simulator":
        return importlib.import_module(self.modules[name]).SIMULATOR

    def __iter__(self) -> Iterator[str]:
        return iter(self.modules)

    def __len__(self) -> int:
        return len(self.modules)


#: the simulators that we know, by ``params.config.env_name``
SIMULATORS = Table(
    {
        "multigoal": "rlg_genpo.envs.multigoal",
        "game": "rlg_genpo.envs.game",
        "mjlab": "rlg_genpo.envs.mjlab",
        "vmas": "rlg_genpo.envs.vmas",
        "mamujoco": "rlg_genpo.envs.mamujoco",
        "envpool": "rlg_genpo.envs.envpool",
        "rlgpu": "rlg_genpo.envs.isaaclab",
    }
)


def simulator_of(config: Mapping[str, Any]) -> "Simulator":
    """The simulator of ``params.config``; one of which nothing is known if it is another's."""
    from rlg_genpo.envs.simulator import Simulator

    name = str(config.get("env_name"))
    known = SIMULATORS.get(name)
    return Simulator(name) if known is None or known.is_foreign() else known
