"""Importance sampling score matching: fitting each agent's diffusion to a target it cannot sample.

The target of agent i is its current policy tilted by what its own action is worth, averaged over
the others' actions (decentralised mirror descent):

    pi_i'(a_i | o_i)  proportional to  pi_i(a_i | o_i) exp(Q_i(s, a_i) / tau_i)

Samples of the policy itself, weighted, stand in for samples of the target. DDPL (2026,
https://arxiv.org/abs/2605.07101) names the method; its formulas here are reconstructed from its
abstract and from "Efficient Online Reinforcement Learning for Diffusion Policy", 2025,
https://arxiv.org/abs/2502.00361.

n agents, B states, K proposals at each, D action size. Entropies and divergences are in nats.
"""

import math

import torch
from torch import Tensor


def marginal_weights(values: Tensor, temperature: Tensor, limit: float = math.inf) -> Tensor:
    """softmax over K of Q_i / tau_i: values (n, B, K), temperature (n,), to (n, B, K).

    ``limit`` is on |Q_i - its mean over K| / tau_i: no state is tilted much more than others.
    """
    centred = values - values.mean(dim=-1, keepdim=True)
    return (centred / temperature[:, None, None]).clamp(-limit, limit).softmax(dim=-1)


def entropy(weights: Tensor) -> Tensor:
    """Of normalised weights over the last dimension, (..., K) to (...); log K where uniform."""
    return torch.special.entr(weights).sum(dim=-1)


def divergence(weights: Tensor) -> Tensor:
    """KL of normalised weights to uniform ones, log K - H(w), (..., K) to (...)."""
    return math.log(weights.shape[-1]) - entropy(weights)


def effective_samples(weights: Tensor) -> Tensor:
    """(sum w)^2 / sum w^2 over the last dimension, (..., K) to (...), between 1 and K."""
    return weights.sum(dim=-1).square() / weights.square().sum(dim=-1)


def solve_temperature(
    values: Tensor, budget: float, low: float, high: float, limit: float = math.inf
) -> Tensor:
    """tau_i in [low, high] at which the weights' mean divergence is ``budget``, (n, B, K) to (n,).

    The divergence falls as tau_i rises, so halving an interval of log tau_i finds it, or the nearer
    bound where no tau_i within the bounds does.
    """
    bounds = values.new_tensor([low, high]).log()
    below, above = (bound.expand(len(values)) for bound in bounds)
    for _ in range(24):
        middle = (below + above) / 2
        weights = marginal_weights(values, middle.exp(), limit)
        spent = divergence(weights).mean(dim=-1)
        below = torch.where(spent > budget, middle, below)
        above = torch.where(spent > budget, above, middle)
    return ((below + above) / 2).exp()


def matching_loss(predicted: Tensor, noise: Tensor, weights: Tensor, sizes: Tensor) -> Tensor:
    """sum over K of w |eps - eps_theta|^2 / D_i, mean over B: each agent's loss, (n,).

    eps and eps_theta are (n, B, K, D), zero where an agent has fewer than D components; ``weights``
    are (n, B, K), normalised for the mirror descent target; ``sizes`` are the D_i, (n,).
    """
    error = (predicted - noise).square().sum(dim=-1)
    return (weights * error).sum(dim=-1).mean(dim=-1) / sizes


def shifted_noise(noise: Tensor, before: Tensor, weights: Tensor) -> Tensor:
    """Targets that say with less noise what weights say, (n, B, K, D); each of weight 1/K.

    Ours. Where all weights (n, B, K) are alike the proposals, which are the policy's own, teach it
    nothing: their noise eps is on average what the policy before the update, eps_old, says. So

        eps_old + (w / v - 1) (eps - eps_old),    v = an agent's mean weight

    has the same mean as the weighted noise has, up to second order in w / v - 1, and it does not
    move at all where the weights are alike, whereas the weighted noise itself still scatters.
    """
    surplus = weights / weights.mean(dim=(1, 2), keepdim=True) - 1
    return before + surplus.unsqueeze(-1) * (noise - before)
