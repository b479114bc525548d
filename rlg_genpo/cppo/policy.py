"""Conditional PPO's policy: a frozen flow's sample, and a Gaussian kernel on top of it.

Source: "Diffusion Policy through Conditional Proximal Policy Optimization" (CPPO), 2026,
https://arxiv.org/abs/2603.04790. The two parts, the stored pair and "flow" beside "flow + residual"
at deployment are the paper's. The residual mean, the state-independent sigma, the start and the
other deployments are our reconstruction.

The Gaussian base is ours. Flow and kernel then work in its units, u = (a - mu(s)) / sigma: u_k is
the flow's sample, and the kernel is that of an Ornstein-Uhlenbeck process,

    u | s, u_k ~ N((1 - kappa) u_k + delta(s, u_k), kappa (2 - kappa) I).

While delta is zero it leaves the standard normal as it is, so that the policy starts as the base
whatever kappa is, and no iteration widens it. PPO's gradient sees mu and sigma in all of the
action's noise, that of u_k included, which the stored u_k does not fix.

B batch, D action size, C width of what the policy is conditioned on, N flow steps.
"""

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rlg_genpo.common import flow_matching, gaussian
from rlg_genpo.common.gaussian_base import Base, GaussianBase
from rlg_genpo.common.layers import SplitMLP
from rlg_genpo.common.policy import Acted, Evaluated, Gaussian, LikelihoodPolicy
from rlg_genpo.common.velocity import Velocity

#: deployments without the kernel
FLOWS = ("flow", "flow_ema")


@dataclass(frozen=True)
class Kernel(Gaussian):
    """The Gaussian over actions around a sample of the flow."""

    base: Base  # the units that flow and residual work in
    delta: Tensor  # (B, D), the residual, in these
    log_spread: Tensor  # (D,) or 0-d, log of the kernel's standard deviation in these

    @property
    def log_sigma(self) -> Tensor:
        """Of the actions, (B, D) or (D,)."""
        return self.base.log_sigma + self.log_spread

    def units(self, action: Tensor) -> Tensor:
        """Actions (B, D) in the base's units."""
        return (action - self.base.mean) * (-self.base.log_sigma).exp()


class CPPO(LikelihoodPolicy):
    """Stores (u_k, a), width 2 D, u_k in the base's units; executes a.

    Args:
        flow: the velocity v_phi, which distillation trains; knows D and N. Its running average, the
            reference, is what proposes u_k. Neither receives a gradient from PPO.
        residual: delta.
        base: mu and sigma; None for the paper's policy, whose units are the action's own.
        contraction: kappa of a policy on a base.
        sigma: the kernel's standard deviation at the start, without a base.
        noise_scale: standard deviation of the noise that the flow starts from, and so of u_k while
            v_phi is zero.
        deployment: what :meth:`play` executes where it is told none.
    """

    log_spread: Tensor

    def __init__(
        self,
        flow: Velocity,
        residual: SplitMLP,
        base: GaussianBase | None = None,
        contraction: float = 0.0,
        sigma: float = 0.5,
        noise_scale: float = 1.0,
        deployment: str | None = None,
    ) -> None:
        super().__init__()
        self.flow = flow
        self.reference = copy.deepcopy(flow).requires_grad_(False)
        self.residual = residual
        self.base, self.contraction = base, contraction
        if base is None:
            self.log_sigma = nn.Parameter(torch.full((flow.action_dim,), math.log(sigma)))
        else:
            log_spread = torch.tensor(0.5 * math.log(contraction * (2 - contraction)))
            self.register_buffer("log_spread", log_spread, persistent=False)
        self.noise_scale, self.deployment = noise_scale, deployment
        self.action_dim = flow.action_dim
        self.stored_dim = 2 * flow.action_dim

    @property
    def raw_sigma(self) -> Any:
        """rl_games' parameter or layer of sigma."""
        return self.log_sigma if self.base is None else self.base.sigma

    def units(self, source: Tensor) -> Base:
        """What flow and residual work in: the base, or the actions as they are."""
        if self.base is not None:
            return self.base(source)
        zero = source.new_zeros(1)
        return Base(zero, zero)

    def condition(self, source: Tensor) -> Tensor:
        # Rollouts want the flow as well, updates the kernel alone: neither pays for the other.
        return source

    def noise(self, source: Tensor) -> Tensor:
        """What the flow starts from, (B, D), on the source's device and in its dtype."""
        return source.new_empty(source.shape[0], self.action_dim).normal_(std=self.noise_scale)

    def sample_flow(self, flow: Velocity, source: Tensor, noise: Tensor) -> Tensor:
        """Noise (B, D) carried to samples (B, D) by one of the two flows, without gradients."""
        with torch.no_grad():
            return flow_matching.euler(flow.at(flow.condition(source)), noise, len(flow.times))

    def kernel(self, source: Tensor, reference: Tensor) -> Kernel:
        """The Gaussian around u_k = ``reference``, (B, D)."""
        base, delta = self.units(source), self.residual(source, reference)
        moved = (1 - self.contraction) * reference + delta
        mean = base.action(moved)
        log_spread = self.log_spread if self.base is not None else self.log_sigma
        sigma = (base.log_sigma + log_spread).exp().expand_as(mean)
        return Kernel(mean, sigma, base, delta, log_spread)

    def act(self, condition: Tensor) -> Acted:
        reference = self.sample_flow(self.reference, condition, self.noise(condition))
        kernel = self.kernel(condition, reference)
        action = kernel.sample()
        neglogp = gaussian.neglogp(action, kernel.mean, kernel.log_sigma)
        return Acted(torch.cat([reference, action], dim=-1), neglogp, kernel)

    def evaluate(self, condition: Tensor, stored: Tensor) -> Evaluated:
        reference, action = stored.chunk(2, dim=-1)
        kernel = self.kernel(condition, reference)
        neglogp = gaussian.neglogp(action, kernel.mean, kernel.log_sigma)
        return Evaluated(neglogp, gaussian.entropy(kernel.log_sigma).expand_as(neglogp), kernel)

    def resample(self, condition: Tensor, count: int) -> Tensor:
        spread = torch.arange(count, device=condition.device) * len(condition) // count
        return self.act(condition[spread]).stored

    def deterministic_action(self, condition: Tensor) -> Tensor:
        zeros = condition.new_zeros(condition.shape[0], self.action_dim)
        start = self.sample_flow(self.reference, condition, zeros)
        return torch.cat([start, self.kernel(condition, start).mean], dim=-1)

    def to_env(self, stored: Tensor) -> Tensor:
        return stored[..., self.action_dim :]

    def play(self, condition: Tensor, deterministic: bool, deployment: str | None) -> Tensor:
        """By default the kernel's mean over zero noise when deterministic, else a sample.

        A named deployment keeps its kernel; ``deterministic`` then decides the flow's start alone:
        zero noise, or random.
        """
        deployment = deployment or self.deployment
        if deployment is None:
            return super().play(condition, deterministic, deployment)
        blank = condition.new_zeros(condition.shape[0], self.action_dim)
        start = blank if deterministic else torch.randn_like(blank)
        rest = [torch.randn_like(blank)] if deployment == "residual_sample" else []
        return self.play_from(condition, torch.cat([start, *rest], dim=-1), deployment)

    def noise_width(self, deployment: str | None) -> int:
        alone = (deployment or self.deployment) in (*FLOWS, "residual_mean")
        return self.action_dim if alone else self.stored_dim

    def play_from(self, condition: Tensor, noise: Tensor, deployment: str | None) -> Tensor:
        """The flow starts from the first D numbers; the kernel, if it is sampled, has the rest."""
        deployment = deployment or self.deployment
        start = self.noise_scale * noise[:, : self.action_dim]
        flow = self.flow if deployment == "flow" else self.reference
        reference = self.sample_flow(flow, condition, start)
        if deployment in FLOWS:
            return self.units(condition).action(reference)
        kernel = self.kernel(condition, reference)
        if deployment == "residual_mean":
            return kernel.mean
        return kernel.mean + kernel.sigma * noise[:, self.action_dim :]
