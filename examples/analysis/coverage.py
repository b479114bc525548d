"""Which of several equal goals a policy reaches: episodes, modes, coverage entropy, picture.

For :mod:`rlg_genpo.envs.multigoal`. B episodes, G goals, T steps of an episode.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.envs.multigoal import MultiGoal

#: share of the successful episodes from which on a goal counts as a mode
LEAST_SHARE = 0.05


@dataclass(frozen=True)
class Episodes:
    """What came of one episode in every environment."""

    paths: Tensor  # (T + 1, B, 2), positions from the start to the end
    returns: Tensor  # (B,), undiscounted
    goals: Tensor  # (B,), the goal reached at the end, -1 for none

    @property
    def success(self) -> float:
        """Share of the episodes that reached a goal."""
        return (self.goals >= 0).float().mean().item()

    def first(self, count: int) -> "Episodes":
        """The first ``count`` episodes."""
        return Episodes(self.paths[:, :count], self.returns[:count], self.goals[:count])


def roll(env: MultiGoal, act: Callable[[Tensor], Tensor]) -> Episodes:
    """One episode in every environment, from a new start.

    Args:
        act: observations (B, 2) to actions (B, 2).
    """
    obs = env.reset()
    path, returns = [obs], torch.zeros(len(obs), device=obs.device)
    infos: dict[str, Tensor] = {}
    for _ in range(env.settings.length):
        obs, reward, _, infos = env.step(act(obs))
        path.append(infos["position"])
        returns = returns + reward
    return Episodes(torch.stack(path), returns, infos["goal"])


def shares(reached: Tensor, goals: int) -> Tensor:
    """Each goal's share (G,) of the episodes that reached one; zeros where none did.

    Args:
        reached: (B,), a goal's number or -1 for none.
        goals: G.
    """
    counts = torch.bincount(reached[reached >= 0], minlength=goals)
    return counts / counts.sum().clamp(min=1)


def mode_count(reached: Tensor, goals: int, least: float = LEAST_SHARE) -> int:
    """How many goals at least a share ``least`` of the successful episodes reached."""
    share = shares(reached, goals)
    return int(((share >= least) & (share > 0)).sum())


def coverage_entropy(reached: Tensor, goals: int) -> float:
    """Entropy in nats of the goal of a successful episode: 0 for one goal, log G for all alike."""
    share = shares(reached, goals)
    return torch.special.entr(share).sum().item()


def coverage_share(reached: Tensor, goals: int) -> float:
    """:func:`coverage_entropy` as a share of log G, the most it can be; 0 where G is 1."""
    return coverage_entropy(reached, goals) / math.log(goals) if goals > 1 else 0.0


def decided_at_once(episodes: Episodes, goals: Tensor) -> float:
    """Share of the successful episodes whose first step pointed to the goal that they reached.

    A policy that chooses does so at once; one that waits until its noise has chosen for it points
    anywhere at first. NaN where no episode succeeded.

    Args:
        goals: (G, 2).
    """
    reached = episodes.goals[episodes.goals >= 0]
    first = (episodes.paths[1] - episodes.paths[0])[episodes.goals >= 0]
    return ((first @ goals.T).argmax(dim=-1) == reached).float().mean().item()


def draw(axis: Any, episodes: Episodes, goals: Tensor) -> None:
    """The goals (G, 2) and the paths on matplotlib axes, coloured by the goal reached.

    Grey are those that reached none.
    """
    paths = episodes.paths.cpu()
    for index, goal in enumerate(episodes.goals.tolist()):
        colour = f"C{goal % 10}" if goal >= 0 else "0.6"
        axis.plot(*paths[:, index].unbind(dim=-1), color=colour, lw=0.6, alpha=0.5)
    for number, (x, y) in enumerate(goals.tolist()):
        axis.plot(x, y, "*", color=f"C{number % 10}", markeredgecolor="black", markersize=9)
    reach = 1.35 * goals.abs().max().item()
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
