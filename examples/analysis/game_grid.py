"""The two-agent game without networks: decentralised mirror descent on a grid of actions.

Each agent i tilts its policy by what its own action is worth on average over the other's,

    pi_i(a)  proportional to  pi_i(a) exp(Qbar_i(a) / tau),    Qbar_i(a) = E_{b ~ pi_j} r(a, b)

which keeps every mode alive until one has won. Projected on a Gaussian after each step, as a
Gaussian policy is, the same rule knows only a mean and a variance, and ends in the local optimum.
The rule is reconstructed, as in :mod:`rlg_genpo.ddpl.score_matching`; that diffusion policies do
without the projection is the thesis of DDPL, 2026, https://arxiv.org/abs/2605.07101.

G points of the grid. A policy is a vector of masses (G,) that sums to one, n agents' are (n, G).
"""

import torch
from torch import Tensor

from rlg_genpo.envs.game import payoff

#: keeps a projected policy from falling between two points of the grid
LEAST_DEVIATION = 0.02


def grid(points: int = 101) -> Tensor:
    """Actions (G,), evenly over [-1, 1]."""
    return torch.linspace(-1.0, 1.0, points, dtype=torch.float64)


def payoffs(actions: Tensor) -> Tensor:
    """The game's payoff for every pair, (G, G): a row for each action of the first agent."""
    first, second = torch.meshgrid(actions, actions, indexing="ij")
    return payoff(torch.stack([first, second], dim=-1))


def normal(actions: Tensor, mean: Tensor | float, deviation: Tensor | float) -> Tensor:
    """A normal law on the grid, cut off at its ends; mean and deviation broadcast, (..., G)."""
    return (-((actions - mean) ** 2) / (2 * torch.as_tensor(deviation) ** 2)).softmax(dim=-1)


def marginal_value(table: Tensor, policies: Tensor) -> Tensor:
    """Qbar of both agents, (2, G): each action's payoff, averaged over the other agent's policy.

    Args:
        table: (G, G), from :func:`payoffs`.
        policies: (2, G).
    """
    return torch.stack([table @ policies[1], table.mT @ policies[0]])


def tilt(policies: Tensor, values: Tensor, temperature: float) -> Tensor:
    """pi exp(Qbar / tau), normalised: one step of mirror descent, (n, G)."""
    return (policies.log() + values / temperature).softmax(dim=-1)


def project(policies: Tensor, actions: Tensor) -> Tensor:
    """The normal laws of the same mean and variance, on the grid, (n, G)."""
    mean = (policies * actions).sum(dim=-1, keepdim=True)
    variance = (policies * (actions - mean) ** 2).sum(dim=-1, keepdim=True)
    return normal(actions, mean, variance.sqrt().clamp_min(LEAST_DEVIATION))


def expected(table: Tensor, policies: Tensor) -> float:
    """The payoff of independent draws of both policies."""
    return float(policies[0] @ table @ policies[1])


def descend(
    table: Tensor,
    actions: Tensor,
    start: Tensor,
    steps: int,
    temperature: float,
    gaussian: bool = False,
) -> list[Tensor]:
    """Policies (2, G) at the start and after every step of the rule.

    Args:
        gaussian: project on a normal law after each step.
    """
    path = [start]
    for _ in range(steps):
        policies = tilt(path[-1], marginal_value(table, path[-1]), temperature)
        path.append(project(policies, actions) if gaussian else policies)
    return path
