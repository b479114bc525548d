"""Proposals of actions for each agent, their values, and what a denoiser is trained on.

Reconstructed: see :mod:`rlg_genpo.ddpl.agent`. n agents, B states, K proposals, D the largest
action size, S width of the full state.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rlg_genpo.ddpl import diffusion
from rlg_genpo.ddpl.networks import ActionValues
from rlg_genpo.ddpl.policy import DDPL

#: states for which proposals are made at once: 16 proposals of 3 agents in a layer of 64 are 25 MB
CHUNK = 2048


@dataclass(frozen=True)
class Noised:
    """What a denoiser is shown of some states, and what it is to predict."""

    noisy: Tensor  # (n, B, K, D)
    levels: Tensor  # (n, B, K), indices
    noise: Tensor  # (n, B, K, D)


def propose(policy: DDPL, source: Tensor, count: int, noise: float) -> Tensor:
    """K draws of each agent's policy at states (B, S), plus normal noise, clipped to [-1, 1].

    Returns (n, B, K, D).
    """
    parts = []
    for rows in source.split(CHUNK):
        states = policy.states(rows)
        action = policy.sample(states, policy.noise(states, count))
        parts.append((action + noise * torch.randn_like(action)).clamp(-1, 1))
    return torch.cat(parts, dim=1) * policy.denoisers.real[:, None, None]


def noised(policy: DDPL, action: Tensor) -> Noised:
    """Proposals (n, B, K, D) with fresh noise, each at a level of its own."""
    noise = torch.randn_like(action) * policy.denoisers.real[:, None, None]
    table = policy.denoisers.alpha_bar
    levels = torch.randint(len(table), action.shape[:-1], device=action.device)
    noisy = diffusion.noised(action, noise, table[levels].unsqueeze(-1))
    return Noised(noisy, levels, noise)


def values(action_values: ActionValues, source: Tensor, actions: Tensor) -> Tensor:
    """A_i(s, a_i) of states (B, S) and proposals (n, B, K, D): (n, B, K)."""
    pairs = zip(source.split(CHUNK), actions.split(CHUNK, dim=1), strict=True)
    return torch.cat([action_values(states, proposed) for states, proposed in pairs], dim=1)
