"""Losses of on-policy generative policies, each a function of tensors.

Every loss keeps the batch dimension, shape (B,), so that the caller may mask padded rows before it
averages.
"""

import torch
from torch import Tensor


def clipped_surrogate(log_ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """PPO's clipped surrogate as a loss: -min(r A, clip(r, 1 - clip, 1 + clip) A), shape (B,).

    Source: "Proximal Policy Optimization Algorithms", 2017, https://arxiv.org/abs/1707.06347.

    Args:
        log_ratio: log pi_new(a|s) - log pi_old(a|s), (B,), in nats.
        advantage: (B,).
        clip: half-width of the trust interval, above 0.
    """
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - clip, 1 + clip)
    return torch.maximum(-ratio * advantage, -clipped * advantage)


def soft_bound(action: Tensor, bound: float = 1.1) -> Tensor:
    """Squared excess of each component over +-bound, summed: (B, D) to (B,).

    The penalty that rl_games calls ``bound``; there it is applied to a Gaussian's mean.
    """
    return (action.abs() - bound).clamp_min(0).square().sum(dim=-1)


def squared_norm(action: Tensor) -> Tensor:
    """|a|^2, (B, D) to (B,); what rl_games calls ``regularisation``."""
    return action.square().sum(dim=-1)


#: by rl_games' ``bound_loss_type``
BOUNDS = {"bound": soft_bound, "regularisation": squared_norm}
