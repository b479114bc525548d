"""The player of every generative policy: what rl_games' play, and Isaac Lab's play.py, run."""

from collections.abc import Mapping
from typing import Any

import torch
from rl_games.algos_torch.players import PpoPlayerContinuous, rescale_actions, unsqueeze_obs
from torch import Tensor

from rlg_genpo.common import checkpoints, finite, messages
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.common.deployed import Part, whole
from rlg_genpo.host import compat
from rlg_genpo.host.files import Restoring


class Player(Restoring, PpoPlayerContinuous):
    """Plays environment actions: the deterministic action, or a sample.

    Args:
        params: ``params`` of the YAML.
        settings: the policy's part of it, parsed.
    """

    settings: Any
    states: Any
    #: one of the policy's deployments; None for its default
    deployment: str | None = None

    def __init__(self, params: dict[str, Any], settings: PolicyConfig) -> None:
        self.settings = settings
        self.algorithm_name: str = params["algo"]["name"]
        super().__init__(params)
        compat.unscript(self.model)
        if self.clip_actions:
            finite.refuse_bounds(self.actions_low, self.actions_high)

    def load_networks(self, params: dict[str, Any]) -> None:
        super().load_networks(params)
        self.config["network"].receive(self.settings)

    def get_action(self, obs: Any, is_deterministic: bool = False) -> Tensor:
        """The environment's action, (B, D), or (D,) where observations have no batch dimension."""
        if not self.has_batch_dimension:
            obs = unsqueeze_obs(obs)
        with torch.no_grad():
            action = self.choose(self._preproc_obs(obs), is_deterministic)
        if self.clip_actions:
            action = rescale_actions(self.actions_low, self.actions_high, action.clamp(-1.0, 1.0))
        return action if self.has_batch_dimension else action.reshape(self.action_space.shape)

    def choose(self, obs: Any, deterministic: bool) -> Tensor:
        """The policy's action, (B, D), before rl_games' clamp and rescale."""
        seen = messages.Seen(obs, self.states)
        played = self.model(messages.Play(seen, deterministic, self.deployment))
        self.states = played.rnn_states
        return played.action

    def parts(self) -> list[Part]:
        """The policies that act by themselves: this one."""
        return [whole(self, self.model.policy.noise_width(self.deployment), self._act)]

    def _act(self, obs: Any, states: Any, noise: Tensor | None) -> tuple[Tensor, Any]:
        seen = messages.Seen(obs, states)
        played = self.model(messages.Play(seen, noise is None, self.deployment, noise))
        return played.action, played.rnn_states

    def examine(self, state: Mapping[str, Any]) -> None:
        checkpoints.check(state, self.algorithm_name, self.settings, self.model)
