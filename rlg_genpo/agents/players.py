"""The player of every generative policy: what rl_games' play, and Isaac Lab's play.py, run."""

from collections.abc import Mapping
from typing import Any

from rl_games.algos_torch import torch_ext
from rl_games.algos_torch.players import PpoPlayerContinuous
from torch import Tensor

from rlg_genpo.agents import checkpoints, entry
from rlg_genpo.config.cppo import CPPOSettings
from rlg_genpo.config.genpo import GenPOSettings
from rlg_genpo.models.generative import Playing


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
