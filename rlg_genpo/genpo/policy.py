"""GenPO's policy: the coupled flow with a learned velocity, on a Gaussian.

Source: "GenPO: Generative Diffusion Models Meet On-Policy Reinforcement Learning", 2025,
https://arxiv.org/abs/2505.18763. Two things are ours. The deterministic action, the flow at zero
noise: the log-determinant does not depend on the noise, so zero noise is the exact mode of the
pair's density. And the Gaussian base, (x, y) = mu(s) + sigma F(noise; s) with the same mu and sigma
for both halves; the paper's flow is that of mu = 0 and sigma = 1.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rlg_genpo.common.gaussian_base import Base, GaussianBase
from rlg_genpo.common.policy import Acted, Evaluated, LikelihoodPolicy
from rlg_genpo.common.velocity import Condition, Velocity
from rlg_genpo.genpo import coupled, reversible


class State(NamedTuple):
    """What depends on the states alone."""

    velocity: Condition
    base: Base | None

    def rows(self, count: int) -> "State":
        """``count`` of the states, for the flow in its own units: without the base."""
        return State(self.velocity.rows(count), None)


class GenPO(LikelihoodPolicy):
    """Stores the doubled action (x, y), width 2 D; executes its mean.

    Args:
        velocity: the network v; knows D.
        coupling: N and p.
        base: mu and sigma of the executed action while the velocity is zero; None is the paper's
            flow, which starts from standard normal noise.
        recompute: whether gradients are those of :mod:`rlg_genpo.genpo.reversible`.
    """

    def __init__(
        self,
        velocity: Velocity,
        coupling: coupled.Coupling,
        base: GaussianBase | None = None,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.velocity, self.coupling, self.recompute = velocity, coupling, recompute
        self.base, self._log_spread = base, math.log(coupling.spread)
        self.action_dim = velocity.action_dim
        self.stored_dim = 2 * velocity.action_dim

    @property
    def raw_sigma(self) -> Any:
        """rl_games' parameter or layer of the base's sigma; None without a base."""
        return None if self.base is None else self.base.sigma

    def allow_mixed_precision(self) -> None:
        # A shear's determinant is 1 whatever the velocity, a rounded one too: with states in
        # float32 the inverse and the density stay exact.
        self.velocity.low_precision = True

    def condition(self, source: Tensor) -> State:
        base = None if self.base is None else self.base(source)
        return State(self.velocity.condition(source), base)

    def noise(self, state: State) -> Tensor:
        """Standard normal noise (B, 2 D) on the state's device and in its dtype."""
        known = state.velocity.state
        rows = torch.randn(self.stored_dim, known.shape[0], device=known.device, dtype=known.dtype)
        return rows.t()

    def flow(self, state: State, noise: Tensor) -> Tensor:
        """Noise (B, 2 D) to doubled actions (B, 2 D)."""
        maths, velocity = self._maths(state)
        pair = maths.couple(velocity, noise, self.coupling)
        if state.base is None:
            return pair
        mean, log_scale = self._affine(state.base)
        return torch.addcmul(mean, pair, log_scale.exp())

    def noise_of(self, state: State, stored: Tensor) -> Tensor:
        """Doubled actions (B, 2 D) to the noise that makes them: inverse of :meth:`flow`."""
        maths, velocity = self._maths(state)
        pair = coupled.feature_major(stored)
        if state.base is not None:
            mean, log_scale = self._affine(state.base)
            pair = (pair - mean) * log_scale.neg().exp()
        return maths.uncouple(velocity, pair, self.coupling)

    def _affine(self, base: Base) -> tuple[Tensor, Tensor]:
        """mu and log sigma of the pair, (B, 2 D) and (B or 1, 2 D).

        Halves that are mixed alone have a mean with less spread than theirs; that is made up for,
        so that the executed action has the base's own sigma.
        """
        log_scale = torch.atleast_2d(base.log_sigma - self._log_spread)
        return coupled.joined(base.mean, base.mean), coupled.joined(log_scale, log_scale)

    def _maths(self, state: State) -> Any:
        """The module that carries noise and actions, and the velocity as it wants it."""
        condition = state.velocity
        if not (self.recompute and torch.is_grad_enabled()):
            return coupled, self.velocity.at(condition)
        return reversible, reversible.Field(
            at=lambda given: self.velocity.at(condition._make(given)),
            given=tuple(condition),
            parameters=tuple(self.velocity.parameters()),
        )

    def density(self, state: State, noise: Tensor) -> Evaluated:
        """Of the doubled action that :meth:`flow` makes of the noise, by the noise alone."""
        neglogp = self.coupling.pair_neglogp(noise)
        entropy = torch.full_like(neglogp, self.coupling.pair_entropy(self.action_dim))
        if state.base is None:
            return Evaluated(neglogp, entropy)
        volume = 2 * (state.base.log_sigma - self._log_spread).sum(dim=-1)
        return Evaluated(neglogp + volume, entropy + volume, state.base.gaussian())

    def act(self, condition: State) -> Acted:
        noise = self.noise(condition)
        # The density is known from the noise alone: no inverse, no determinant.
        density = self.density(condition, noise)
        return Acted(self.flow(condition, noise), density.neglogp, density.gaussian)

    def evaluate(self, condition: State, stored: Tensor) -> Evaluated:
        return self.density(condition, self.noise_of(condition, stored))

    def resample(self, condition: State, count: int) -> Tensor:
        """Fresh pairs in the flow's own units, before mu and sigma."""
        condition = condition.rows(count)
        return self.flow(condition, self.noise(condition))

    def deterministic_action(self, condition: State) -> Tensor:
        known = condition.velocity.state
        return self.flow(condition, known.new_zeros(self.stored_dim, known.shape[0]).t())

    def noise_width(self, deployment: str | None) -> int:
        return self.stored_dim

    def play_from(self, condition: State, noise: Tensor, deployment: str | None) -> Tensor:
        return self.to_env(self.flow(condition, noise))

    def to_env(self, stored: Tensor) -> Tensor:
        # A simulator may want to view it flat.
        return coupled.executed(stored).contiguous()
