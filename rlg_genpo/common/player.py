"""The player of every generative policy: what rl_games' play, and Isaac Lab's play.py, run."""

from collections.abc import Mapping
from typing import Any

import torch
from rl_games.algos_torch import torch_ext
from rl_games.algos_torch.players import PpoPlayerContinuous, rescale_actions
from torch import Tensor

from rlg_genpo.common import checkpoints
from rlg_genpo.common import machine as entry
from rlg_genpo.common.model import Playing
from rlg_genpo.cppo.config import CPPOSettings
from rlg_genpo.ddpl import export as single
from rlg_genpo.ddpl import hosts
from rlg_genpo.ddpl.config import DDPLSettings
from rlg_genpo.ddpl.single import AgentPolicy
from rlg_genpo.genpo.config import GenPOSettings


class GenerativePlayer(PpoPlayerContinuous):
    """Plays environment actions: the policy's mode when deterministic, else a sample."""

    name_in_logs: str
    head: Mapping[str, Any]
    #: one of the policy's deployments; None for its default
    deployment: str | None = None

    def __init__(self, params: dict[str, Any]) -> None:
        entry.admit(params)
        super().__init__(params)

    def get_action(self, obs: Any, is_deterministic: bool = False) -> Tensor:
        self.model.playing = Playing(is_deterministic, self.deployment)
        action = super().get_action(obs, is_deterministic)
        if self.has_batch_dimension:
            return action
        # rl_games squeezes every dimension, a single action component's included.
        return action.reshape(self.action_space.shape)

    def restore(self, fn: str) -> None:
        weights = torch_ext.load_checkpoint(fn)
        checkpoints.check(weights, self.name_in_logs, self.head, self.model)
        super().restore(fn)


class GenPOPlayer(GenerativePlayer):
    """``algo.name: genpo``."""

    name_in_logs = "genpo"

    def __init__(self, params: dict[str, Any]) -> None:
        self.head = GenPOSettings.from_params(params).head()
        super().__init__(params)


class CPPOPlayer(GenerativePlayer):
    """``algo.name: cppo``."""

    name_in_logs = "cppo"

    def __init__(self, params: dict[str, Any]) -> None:
        settings = CPPOSettings.from_params(params)
        self.head = settings.head()
        self.deployment = settings.algo.deployment
        super().__init__(params)


class DDPLPlayer(GenerativePlayer):
    """``algo.name: ddpl``: every agent acts by itself, from its own slice of the observation."""

    name_in_logs = "ddpl"

    def __init__(self, params: dict[str, Any]) -> None:
        DDPLSettings.from_params(params)
        hosts.join(params["config"])
        hosts.name_agents(params)
        self.head = DDPLSettings.from_params(params).head()
        super().__init__(params)
        self.actors: list[AgentPolicy] = []

    def restore(self, fn: str) -> None:
        super().restore(fn)
        self.actors = single.agents_of(self.model)

    def get_action(self, obs: Any, is_deterministic: bool = False) -> Tensor:
        # No critic, no joint network: the agents were taken apart and go their own ways.
        self.actors = self.actors or single.agents_of(self.model)
        if not self.has_batch_dimension:
            obs = obs.unsqueeze(0)
        obs = self._preproc_obs(obs)
        observations = self.model.policy.observations
        action = torch.cat(
            [
                actor(obs[:, observations.span(index)], is_deterministic)
                for index, actor in enumerate(self.actors)
            ],
            dim=-1,
        )
        if self.clip_actions:
            action = rescale_actions(self.actions_low, self.actions_high, action.clamp(-1.0, 1.0))
        return action if self.has_batch_dimension else action.reshape(self.action_space.shape)
