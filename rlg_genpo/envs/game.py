"""A game of two agents with a trap under rl_games: ``params.config.env_name: game``.

Both agents choose an action in [-1, 1] at once, without an observation and without seeing the
other's, and both receive the same payoff. In the middle, where both do nothing, stands a wide bump
worth 0.6; where both act by 0.6, in any direction, stand four narrower bumps worth 1. From a broad
start the actions at 0.6 are worth more on average, and a policy of several modes finds that out.
One of a single mode, in the middle between two that are alike, can only become narrower there.
examples/analysis/game_grid.py solves it without networks.

B environments, n = 2 agents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.schema import option, parse
from rlg_genpo.envs.agents import AgentSize, Layout, Seen
from rlg_genpo.envs.simulator import PATH, AdaptedEnv, Adapter, SimulatorConfig, device_of

#: size of both actions in the local optimum, what that is worth, its bump's standard deviation
LOCAL, LOCAL_WORTH, LOCAL_WIDTH = 0.0, 0.6, 0.4
#: the same of the global optimum, which is each of the four pairs (+-0.6, +-0.6)
BEST, BEST_WORTH, BEST_WIDTH = 0.6, 1.0, 0.25

AGENTS = (AgentSize("left", 1, 1), AgentSize("right", 1, 1))


def payoff(actions: Tensor) -> Tensor:
    """What each agent receives for both agents' actions, (..., 2) to (...): the highest bump."""
    size = actions.abs()
    local = bump(size, LOCAL, LOCAL_WORTH, LOCAL_WIDTH)
    return torch.maximum(local, bump(size, BEST, BEST_WORTH, BEST_WIDTH))


def bump(actions: Tensor, centre: float, worth: float, width: float) -> Tensor:
    """``worth`` where both actions (..., 2) are ``centre``, less around it, (...)."""
    distance = (actions - centre).square().sum(dim=-1)
    return worth * (-distance / (2 * width**2)).exp()


@dataclass(frozen=True)
class GameConfig(SimulatorConfig):
    """``params.config.env_config``; the number of environments is ``params.config.num_actors``."""

    joint: bool = option(False, "give rl_games the agents as one, whose action is both agents'")


class Game(AdaptedEnv):
    """A vector of B games, each of one step.

    Rows are those of :mod:`rlg_genpo.envs.agents`: 2 B, environment-major, or B where ``joint``. An
    agent's observation is the constant 0. Every step ends its episode, which is no time limit.
    """

    def __init__(self, num_actors: int, options: Mapping[str, Any]) -> None:
        settings = parse(GameConfig, options, PATH)
        self.layout = Layout(AGENTS, settings.joint)
        self.env_info = self.layout.env_info()
        self.device = torch.device(device_of(settings.device))
        self.count = num_actors

    def reset(self) -> Seen:
        """Observations (2 B, 1), all zero; (B, 2) where ``joint``."""
        nothing = torch.zeros(self.count, 1, device=self.device)
        return self.layout.observations([nothing, nothing])

    def step(self, actions: Tensor) -> tuple[Seen, Tensor, Tensor, dict[str, Tensor]]:
        """One game in every environment, by actions clipped to [-1, 1]; there are no infos."""
        both = torch.cat(self.layout.actions(actions), dim=-1).clamp(-1.0, 1.0)
        reward = self.layout.each(payoff(both))
        return self.reset(), reward, torch.ones_like(reward, dtype=torch.bool), {}


SIMULATOR = Adapter("game", Game, GameConfig)
