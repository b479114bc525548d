"""Conditional PPO's network."""

from rlg_genpo.common.layers import SplitMLP
from rlg_genpo.common.network import FlowBuilder
from rlg_genpo.common.velocity import Velocity
from rlg_genpo.cppo.config import CPPOConfig
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

    def make_policy(self, velocity: Velocity, condition_dim: int) -> CPPO:
        settings = self.settings
        residual = self.make_residual(condition_dim, velocity.action_dim)
        sigma, noise_scale = settings.residual.sigma, settings.flow.noise_scale
        return CPPO(velocity, residual, sigma, noise_scale, settings.algo.deployment)
