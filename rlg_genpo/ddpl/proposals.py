"""Proposals of actions for each agent, what they are worth, and score matching's targets of them.

Reconstructed: see :mod:`rlg_genpo.ddpl.agent`. n agents, B states, K proposals, D the largest
action size, S width of the full state.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rlg_genpo.ddpl import diffusion
from rlg_genpo.ddpl.action_values import ActionValues
from rlg_genpo.ddpl.policy import DDPL
from rlg_genpo.ddpl.truncated import truncated_normal

#: states for which proposals are made at once: 16 proposals of 3 agents in a layer of 64 are 25 MB
CHUNK = 2048


@dataclass(frozen=True)
class Noised:
    """What a denoiser is shown of some states, and what it is to say."""

    noisy: Tensor  # (n, B, J, D); J is K, or 1 where K targets belong to one noisy action
    levels: Tensor  # (n, B, J), indices
    noise: Tensor  # (n, B, K, D)


@dataclass(frozen=True)
class Fixed:
    """Proposed actions, (n, B, K, D), noised anew at each pass."""

    actions: Tensor
    policy: DDPL

    def noised(self, rows: Tensor) -> Noised:
        action = self.actions[:, rows]
        noise = torch.randn_like(action) * self.policy.denoisers.real[:, None, None]
        table = self.policy.denoisers.alpha_bar
        levels = torch.randint(len(table), action.shape[:-1], device=action.device)
        noisy = diffusion.noised(action, noise, table[levels].unsqueeze(-1))
        return Noised(noisy, levels, noise)


@dataclass(frozen=True)
class Reversed:
    """Proposals drawn around noisy actions, whose levels stay as they were drawn."""

    actions: Tensor  # (n, B, K, D)
    noisy: Tensor  # (n, B, 1, D)
    levels: Tensor  # (n, B, 1)
    noise: Tensor  # (n, B, K, D)

    def noised(self, rows: Tensor) -> Noised:
        return Noised(self.noisy[:, rows], self.levels[:, rows], self.noise[:, rows])


def executed(policy: DDPL, stored: Tensor) -> Fixed:
    """The rollout's own actions (B, A) as the one proposal of each state."""
    return Fixed(policy.actions.split(stored).unsqueeze(2), policy)


def from_policy(policy: DDPL, source: Tensor, count: int, noise: float) -> Fixed:
    """K draws of each agent's policy at states (B, S), plus normal noise, clipped to [-1, 1]."""
    parts = []
    for rows in source.split(CHUNK):
        states = policy.states(rows)
        action = policy.sample(states, policy.noise(states, count))
        parts.append((action + noise * torch.randn_like(action)).clamp(-1, 1))
    real = policy.denoisers.real[:, None, None]
    return Fixed(torch.cat(parts, dim=1) * real, policy)


def from_reverse_kernel(policy: DDPL, stored: Tensor, count: int) -> Reversed:
    """K actions that a noisy one may have been, all alike likely before, within [-1, 1].

    The noisy action is of the rollout's, (B, A). Exact for the target exp(Q_i / tau_i) itself; but
    the actions are far from those that Q_i was fitted to.
    """
    start = executed(policy, stored).noised(torch.arange(len(stored), device=stored.device))
    alpha_bar = policy.denoisers.alpha_bar[start.levels].unsqueeze(-1)
    centre = (start.noisy / alpha_bar.sqrt()).expand(-1, -1, count, -1)
    real = policy.denoisers.real[:, None, None]
    action = truncated_normal(centre, ((1 - alpha_bar) / alpha_bar).sqrt(), -1.0, 1.0) * real
    noise = (start.noisy - alpha_bar.sqrt() * action) / (1 - alpha_bar).sqrt()
    return Reversed(action, start.noisy, start.levels, noise)


def worth(action_values: ActionValues, source: Tensor, actions: Tensor) -> Tensor:
    """A_i(s, a_i) of states (B, S) and proposals (n, B, K, D): (n, B, K)."""
    pairs = zip(source.split(CHUNK), actions.split(CHUNK, dim=1), strict=True)
    return torch.cat([action_values(states, proposed) for states, proposed in pairs], dim=1)
