"""Overrides of tests/rig.py that put DDPL in GenPO's place."""

from collections.abc import Iterable, Sequence
from typing import Any

from tests import rig

#: the point mass sees its position (2) and its goal (2); two agents move one axis each, and the
#: slice boundary lies where it may
TEAM = (("near", 3, 1), ("far", 1, 1))

DDPL: dict[str, Any] = {
    "algo": {"name": "ddpl", "proposals": 4, "policy_epochs": 2, "value_epochs": 2},
    "model.name": "ddpl",
    "network.name": "ddpl_actor_critic",
    "network.flow": rig.ABSENT,
    "network.diffusion": {"steps": 4, "units": [16], "time_embedding": 4, "time_units": [8]},
    "network.action_value": {"units": [16]},
}


def overrides(agents: Iterable[tuple[str, int, int]] | None = TEAM) -> dict[str, Any]:
    """DDPL with these agents: (name, obs, act), or with those that the environment names."""
    if agents is None:
        return dict(DDPL)
    listed = [{"name": name, "obs": obs, "act": act} for name, obs, act in agents]
    return {**DDPL, "network.agents": listed}


def span(sizes: Sequence[int], agent: int) -> slice:
    """Where in a flat vector one agent's slice stands."""
    return slice(sum(sizes[:agent]), sum(sizes[: agent + 1]))


#: two points in each environment, which rl_games sees as two agents
NATIVE: dict[str, Any] = {**overrides(None), "config.env_config.agents": 2}
