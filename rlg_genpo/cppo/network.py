"""Conditional PPO's network."""

from collections.abc import Mapping
from typing import Any

from rlg_genpo.common.network import FlowBuilder
from rlg_genpo.common.policy import Policy
from rlg_genpo.common.split import SplitMLP
from rlg_genpo.common.velocity import Velocity
from rlg_genpo.cppo.config import parse_reference_flow, parse_residual
from rlg_genpo.cppo.policy import CPPO


class CPPOBuilder(FlowBuilder):
    """``network.name: cppo_actor_critic``."""

    def load(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self.flow = parse_reference_flow(params)
        self.residual = parse_residual(params)

    def make_residual(self, condition_dim: int, action_dim: int) -> SplitMLP:
        """delta; a replacement subclasses :class:`SplitMLP`."""
        residual = self.residual
        return SplitMLP(
            condition_dim, action_dim, residual.units, residual.activation, residual.output_scale
        )

    def make_policy(self, velocity: Velocity, condition_dim: int) -> Policy:
        residual = self.make_residual(condition_dim, velocity.action_dim)
        return CPPO(velocity, residual, self.residual.sigma, self.flow.noise_scale)
