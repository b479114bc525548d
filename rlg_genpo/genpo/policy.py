"""GenPO's policy: the coupled flow with a learned velocity.

Source: "GenPO: Generative Diffusion Models Meet On-Policy Reinforcement Learning", 2025,
https://arxiv.org/abs/2505.18763. The deterministic action, the flow at zero noise, is ours: the
log-determinant is constant, so zero noise is the exact mode of the pair's density.
"""

from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.policy import Acted, Evaluated, LikelihoodPolicy
from rlg_genpo.common.velocity import Condition, Velocity
from rlg_genpo.genpo import coupled, reversible


class GenPO(LikelihoodPolicy):
    """Stores the doubled action (x, y), width 2 D; executes its mean.

    Args:
        velocity: the network v; knows D.
        coupling: N and p.
        recompute: whether gradients are those of :mod:`rlg_genpo.genpo.reversible`.
    """

    def __init__(
        self, velocity: Velocity, coupling: coupled.Coupling, recompute: bool = False
    ) -> None:
        super().__init__()
        self.velocity, self.coupling, self.recompute = velocity, coupling, recompute
        self.action_dim = velocity.action_dim
        self.stored_dim = 2 * velocity.action_dim

    def allow_mixed_precision(self) -> None:
        # A shear's determinant is 1 whatever the velocity, a rounded one too: with states in
        # float32 the inverse and the density stay exact.
        self.velocity.low_precision = True

    def condition(self, source: Tensor) -> Condition:
        return self.velocity.condition(source)

    def noise(self, condition: Condition) -> Tensor:
        """Standard normal noise (B, 2 D) on the condition's device and in its dtype."""
        state = condition.state
        rows = torch.randn(self.stored_dim, len(state), device=state.device, dtype=state.dtype)
        return rows.t()

    def flow(self, condition: Condition, noise: Tensor) -> Tensor:
        """Noise (B, 2 D) to doubled actions (B, 2 D)."""
        maths, velocity = self._maths(condition)
        return maths.couple(velocity, noise, self.coupling)

    def noise_of(self, condition: Condition, stored: Tensor) -> Tensor:
        """Doubled actions (B, 2 D) to the noise that makes them: inverse of :meth:`flow`."""
        maths, velocity = self._maths(condition)
        return maths.uncouple(velocity, coupled.feature_major(stored), self.coupling)

    def _maths(self, condition: Condition) -> Any:
        """The module that carries noise and actions, and the velocity as it wants it."""
        if not (self.recompute and torch.is_grad_enabled()):
            return coupled, self.velocity.at(condition)
        return reversible, reversible.Field(
            at=lambda given: self.velocity.at(condition._make(given)),
            given=tuple(condition),
            parameters=tuple(self.velocity.parameters()),
        )

    def act(self, condition: Condition) -> Acted:
        noise = self.noise(condition)
        # The density is known from the noise alone: no inverse, no determinant.
        neglogp = self.coupling.pair_neglogp(noise)
        return Acted(self.flow(condition, noise), neglogp)

    def evaluate(self, condition: Condition, stored: Tensor) -> Evaluated:
        noise = self.noise_of(condition, stored)
        neglogp = self.coupling.pair_neglogp(noise)
        entropy = self.coupling.pair_entropy(self.action_dim)
        return Evaluated(neglogp, torch.full_like(neglogp, entropy))

    def resample(self, condition: Condition, count: int) -> Tensor:
        condition = condition.rows(count)
        return self.flow(condition, self.noise(condition))

    def deterministic_action(self, condition: Condition) -> Tensor:
        zeros = condition.state.new_zeros(self.stored_dim, len(condition.state))
        return self.flow(condition, zeros.t())

    def to_env(self, stored: Tensor) -> Tensor:
        # A simulator may want to view it flat.
        return coupled.executed(stored).contiguous()
