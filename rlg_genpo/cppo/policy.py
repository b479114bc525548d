"""Conditional PPO's policy: a frozen flow's sample, and a Gaussian kernel on top of it.

Source: "Diffusion Policy through Conditional Proximal Policy Optimization" (CPPO), 2026,
https://arxiv.org/abs/2603.04790. The two parts, the stored pair and "flow" beside "flow + residual"
at deployment are the paper's. The residual mean, the state-independent sigma, the start and the
other deployments are our reconstruction.

B batch, D action size, C width of what the policy is conditioned on, N flow steps.
"""

import copy
import math

import torch
from torch import Tensor, nn

from rlg_genpo.common import flow_matching, gaussian
from rlg_genpo.common.layers import SplitMLP
from rlg_genpo.common.policy import Acted, Evaluated, Gaussian, LikelihoodPolicy
from rlg_genpo.common.velocity import Velocity


class CPPO(LikelihoodPolicy):
    """Stores (a_k, a), width 2 D; executes a.

    Args:
        flow: the velocity v_phi, which distillation trains; knows D and N. Its running average, the
            reference, is what proposes a_k. Neither receives a gradient from PPO.
        residual: delta, of the kernel N(a_k + delta(s, a_k), diag sigma^2).
        sigma: the kernel's standard deviation at the start, in every dimension.
        noise_scale: standard deviation of the noise that the flow starts from, and so of a_k while
            v_phi is zero.
        deployment: what :meth:`play` executes where it is told none.
    """

    def __init__(
        self,
        flow: Velocity,
        residual: SplitMLP,
        sigma: float,
        noise_scale: float,
        deployment: str | None = None,
    ) -> None:
        super().__init__()
        self.flow = flow
        self.reference = copy.deepcopy(flow).requires_grad_(False)
        self.residual = residual
        self.log_sigma = nn.Parameter(torch.full((flow.action_dim,), math.log(sigma)))
        self.noise_scale, self.deployment = noise_scale, deployment
        self.action_dim = flow.action_dim
        self.stored_dim = 2 * flow.action_dim

    def condition(self, source: Tensor) -> Tensor:
        # Rollouts want the flow as well, updates the kernel alone: neither pays for the other.
        return source

    def noise(self, source: Tensor) -> Tensor:
        """What the flow starts from, (B, D), on the source's device and in its dtype."""
        return source.new_empty(len(source), self.action_dim).normal_(std=self.noise_scale)

    def sample_flow(self, flow: Velocity, source: Tensor, noise: Tensor) -> Tensor:
        """Noise (B, D) carried to samples (B, D) by one of the two flows, without gradients."""
        with torch.no_grad():
            return flow_matching.euler(flow.at(flow.condition(source)), noise, len(flow.times))

    def kernel(self, source: Tensor, reference: Tensor) -> Gaussian:
        """The Gaussian around a_k = ``reference``, (B, D)."""
        mean = reference + self.residual(source, reference)
        return Gaussian(mean, self.log_sigma.exp().expand_as(mean))

    def act(self, condition: Tensor) -> Acted:
        reference = self.sample_flow(self.reference, condition, self.noise(condition))
        kernel = self.kernel(condition, reference)
        action = kernel.sample()
        neglogp = gaussian.neglogp(action, kernel.mean, self.log_sigma)
        return Acted(torch.cat([reference, action], dim=-1), neglogp, kernel)

    def evaluate(self, condition: Tensor, stored: Tensor) -> Evaluated:
        reference, action = stored.chunk(2, dim=-1)
        kernel = self.kernel(condition, reference)
        neglogp = gaussian.neglogp(action, kernel.mean, self.log_sigma)
        return Evaluated(neglogp, gaussian.entropy(self.log_sigma).expand_as(neglogp), kernel)

    def resample(self, condition: Tensor, count: int) -> Tensor:
        spread = torch.arange(count, device=condition.device) * len(condition) // count
        return self.act(condition[spread]).stored

    def deterministic_action(self, condition: Tensor) -> Tensor:
        start = self.sample_flow(self.reference, condition, torch.zeros_like(self.noise(condition)))
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
        noise = self.noise(condition)
        flow = self.flow if deployment == "flow" else self.reference
        action = self.sample_flow(flow, condition, noise * 0 if deterministic else noise)
        if deployment == "residual_mean":
            return self.kernel(condition, action).mean
        if deployment == "residual_sample":
            return self.kernel(condition, action).sample()
        return action
