"""GenPO's network."""

from collections.abc import Mapping
from typing import Any

from rlg_genpo.common.network import FlowBuilder
from rlg_genpo.common.policy import Policy
from rlg_genpo.common.velocity import Velocity
from rlg_genpo.genpo.config import parse_coupled_flow
from rlg_genpo.genpo.policy import GenPO


class GenPOBuilder(FlowBuilder):
    """``network.name: genpo_actor_critic``."""

    def load(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self.flow = parse_coupled_flow(params)

    def make_policy(self, velocity: Velocity, condition_dim: int) -> Policy:
        return GenPO(velocity, self.flow.mix, self.flow.memory == "recompute")
