"""DDPL's player: every agent acts by itself, from its own slice of the observation."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.player import Player
from rlg_genpo.ddpl.export import AgentPolicy, taken_apart


class DDPLPlayer(Player):
    """``algo.name: ddpl``."""

    actors: Sequence[AgentPolicy] = ()

    def restore(self, fn: str) -> None:
        super().restore(fn)
        self.actors = taken_apart(self.model, self.settings)

    def choose(self, obs: Any, deterministic: bool) -> Tensor:
        # No critic, no joint network: the agents were taken apart and go their own ways.
        self.actors = self.actors or taken_apart(self.model, self.settings)
        parts = obs.split([actor.agent.obs for actor in self.actors], dim=-1)
        actions = [
            actor(part, deterministic) for actor, part in zip(self.actors, parts, strict=True)
        ]
        return torch.cat(actions, dim=-1)
