"""Conditional PPO's network."""

from rlg_genpo.common.gaussian_base import GaussianBase
from rlg_genpo.common.layers import SplitMLP
from rlg_genpo.common.network import FlowBuilder
from rlg_genpo.common.velocity import Velocity
from rlg_genpo.cppo.config import SIGMA, CPPOConfig
from rlg_genpo.cppo.policy import CPPO


class CPPOBuilder(FlowBuilder):
    """``network.name: cppo_actor_critic``."""

    settings: CPPOConfig

    def make_residual(self, condition_dim: int, action_dim: int) -> SplitMLP:
        """delta; a replacement subclasses :class:`SplitMLP`."""
        residual = self.settings.residual
        return SplitMLP(
            condition_dim, action_dim, residual.units, residual.activation, residual.output_scale
        )

    def make_policy(self, velocity: Velocity, base: GaussianBase | None) -> CPPO:
        algo, sigma = self.settings.algo, self.settings.residual.sigma
        return CPPO(
            velocity,
            self.make_residual(velocity.condition_dim, velocity.action_dim),
            base,
            0.0 if base is None else algo.contraction,
            SIGMA if sigma is None else sigma,
            self.settings.flow.noise_scale,
            algo.deployment,
        )
