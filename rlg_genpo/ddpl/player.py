"""DDPL's player: every agent acts by itself, from its own slice of the observation."""

from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.player import Player
from rlg_genpo.ddpl.config import DDPLConfig
from rlg_genpo.ddpl.export import AgentPolicy, taken_apart


class DDPLPlayer(Player):
    """``algo.name: ddpl``."""

    def __init__(self, params: dict[str, Any], settings: DDPLConfig) -> None:
        super().__init__(params, settings)
        self.actors: list[AgentPolicy] = []

    def restore(self, fn: str) -> None:
        super().restore(fn)
        self.actors = taken_apart(self.model)

    def choose(self, obs: Any, deterministic: bool) -> Tensor:
        # No critic, no joint network: the agents were taken apart and go their own ways.
        self.actors = self.actors or taken_apart(self.model)
        observations = self.model.policy.observations
        parts = [
            actor(obs[:, observations.span(index)], deterministic)
            for index, actor in enumerate(self.actors)
        ]
        return torch.cat(parts, dim=-1)
