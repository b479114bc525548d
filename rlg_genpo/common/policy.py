"""The policy: what a generative policy must offer so that everything else stays rl_games'.

B batch, C width of what the policy is conditioned on, D size of the environment's action, A width
of the stored action. rl_games assumes that the action kept in the rollout is the one that the
environment receives. A generative policy keeps what it needs to evaluate its density again, and
maps that to the environment's action on the way out.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Gaussian:
    """The diagonal Gaussian that a policy's density is of, or that its flow stands on."""

    mean: Tensor  # (B, D)
    sigma: Tensor  # (B, D)

    def sample(self) -> Tensor:
        """One draw for each row, (B, D)."""
        return self.mean + self.sigma * torch.randn_like(self.mean)


@dataclass(frozen=True)
class Acted:
    """A sampled action, and its density where the policy has one."""

    stored: Tensor  # (B, A)
    neglogp: Tensor | None = None  # (B,), nats
    gaussian: Gaussian | None = None


@dataclass(frozen=True)
class Evaluated:
    """The current density of a stored action."""

    neglogp: Tensor  # (B,), nats
    entropy: Tensor  # (B,), nats, of the density that ``neglogp`` is of
    gaussian: Gaussian | None = None


class Policy(nn.Module, ABC):
    """A policy over stored actions, conditioned on a tensor (B, C): an observation or features."""

    stored_dim: int

    def allow_mixed_precision(self) -> None:
        """Compute in bfloat16 what does not suffer from it; a policy opts in by overriding this."""

    @abstractmethod
    def condition(self, source: Tensor) -> Any:
        """What depends on the state alone, computed once per step; its type is the policy's own."""

    @abstractmethod
    def act(self, condition: Any) -> Acted:
        """Sample a stored action, with its density where the policy has one."""

    @abstractmethod
    def deterministic_action(self, condition: Any) -> Tensor:
        """The stored action (B, A) that is executed where nothing is left to chance."""

    @abstractmethod
    def to_env(self, stored: Tensor) -> Tensor:
        """Stored actions (B, A) to the environment's (B, D), before rl_games' clamp and rescale."""

    def play(self, condition: Any, deterministic: bool, deployment: str | None) -> Tensor:
        """What a player executes, (B, D).

        Args:
            deployment: one of the settings' deployments, or None for the policy's default.
        """
        if deterministic:
            return self.to_env(self.deterministic_action(condition))
        return self.to_env(self.act(condition).stored)

    def noise_width(self, deployment: str | None) -> int | None:
        """How many standard normal numbers :meth:`play_from` makes a sample of; None for never."""
        return None

    def play_from(self, condition: Any, noise: Tensor, deployment: str | None) -> Tensor:
        """A sample as :meth:`play` draws it, (B, D), of given noise (B, :meth:`noise_width`)."""
        raise NotImplementedError


class LikelihoodPolicy(Policy):
    """A policy whose stored actions have a density, so that PPO has a ratio."""

    @abstractmethod
    def evaluate(self, condition: Any, stored: Tensor) -> Evaluated:
        """Density of stored actions, (B, A), differentiable in the parameters."""

    @abstractmethod
    def resample(self, condition: Any, count: int) -> Tensor:
        """Fresh samples for ``count`` of the states, (count, A), differentiable."""
