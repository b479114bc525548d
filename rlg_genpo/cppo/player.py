"""Conditional PPO's player, which executes the deployment that its YAML names."""

from typing import Any

from rlg_genpo.common.player import Player
from rlg_genpo.cppo.config import CPPOConfig


class CPPOPlayer(Player):
    """``algo.name: cppo``."""

    def __init__(self, params: dict[str, Any], settings: CPPOConfig) -> None:
        super().__init__(params, settings)
        self.deployment = settings.algo.deployment
