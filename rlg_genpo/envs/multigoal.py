"""A point mass among equal goals under rl_games: ``params.config.env_name: multigoal``.

A point starts at the origin of the plane, G goals stand evenly on a circle around it, and reaching
any of them is worth the same: a policy is free to choose one goal, or to keep them all. It needs no
simulator and costs next to nothing, so it shows what becomes of a policy's modes.

B environments, G goals, T steps of an episode.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.schema import at_least, option, parse, positive
from rlg_genpo.envs.simulator import PATH, AdaptedEnv, Adapter, SimulatorConfig, device_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.host.compat import spaces

#: how far a point gets in a step at full speed
STEP = 0.1
#: standard deviation of the bump of reward around a goal
BUMP = 0.3
#: price of a step at full speed
COST = 0.02
#: how near a goal an episode must end to have reached it
REACH = BUMP
#: the goal of an episode that reached none
NONE = -1


@dataclass(frozen=True)
class MultiGoalConfig(SimulatorConfig):
    """``params.config.env_config``; the number of environments is ``params.config.num_actors``."""

    goals: int = option(4, "G, the goals, evenly on a circle", at_least(1))
    radius: float = option(1.0, "of that circle", positive())
    length: int = option(24, "T, steps of an episode", at_least(1))
    start_noise: float = option(
        0.05, "standard deviation of an episode's start around the origin", at_least(0)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        radius, goals = self.radius, self.goals
        if goals > 1 and 2 * radius * math.sin(math.pi / goals) < 2 * REACH:
            # Neighbours a chord of 2 REACH apart; one goal more where the arcsine allows none.
            most = math.floor(math.pi / math.asin(REACH / radius)) if radius >= REACH else 1
            raise ConfigError(
                f"{PATH}.goals: {goals} on a circle of radius {radius:g} stand nearer to each "
                f"other than the {2 * REACH:g} that tells them apart; at most {most}, or a larger "
                "radius."
            )
        least = math.ceil((radius - REACH) / STEP - 1e-9)
        if self.length < least:
            raise ConfigError(
                f"{PATH}.length: {self.length} steps of {STEP:g} reach no goal at radius "
                f"{radius:g}; at least {least}, or a smaller radius."
            )


class MultiGoal(AdaptedEnv):
    """A vector of B points.

    The observation is the position (2,), the action a velocity in [-1, 1]^2. A velocity above 1 is
    shortened to 1, so that no direction is faster than another and all goals are worth the same. A
    step moves by ``STEP`` times the velocity v and pays exp(-d^2 / (2 BUMP^2)) - COST |v|^2, where
    d is the distance to the nearest goal. Episodes end at their time limit alone.
    """

    env_info = {
        "observation_space": spaces.Box(-math.inf, math.inf, (2,)),
        "action_space": spaces.Box(-1.0, 1.0, (2,)),
    }

    def __init__(self, num_actors: int, options: Mapping[str, Any]) -> None:
        self.settings = parse(MultiGoalConfig, options, PATH)
        self.device = torch.device(device_of(self.settings.device))
        self.generator = torch.Generator(self.device)
        self.seed(self.settings.seed)
        angle = torch.arange(self.settings.goals, device=self.device) * math.tau
        angle /= self.settings.goals
        #: (G, 2); the first stands on the first axis, the rest follow counter-clockwise
        self.goals = self.settings.radius * torch.stack([angle.cos(), angle.sin()], dim=-1)
        self.position = torch.zeros(num_actors, 2, device=self.device)
        self.clock = torch.zeros(num_actors, dtype=torch.long, device=self.device)

    def seed(self, seed: int | None) -> None:
        """Begin the sequence of starts anew; None takes any."""
        if seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(seed)

    def reset(self) -> Tensor:
        """Every point at a new start: observations (B, 2)."""
        self.position = self._starts()
        self.clock = torch.zeros_like(self.clock)
        return self.position.clone()

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """One step of every point, by actions (B, 2).

        Infos also have ``position`` (B, 2), before a new episode begins, and ``goal`` (B,), the
        number of the goal within ``REACH`` of it, or ``NONE``: where dones is true, which goal the
        episode reached.
        """
        velocity = actions / actions.norm(dim=-1, keepdim=True).clamp(min=1.0)
        arrived = self.position + STEP * velocity
        distance, goal = torch.cdist(arrived, self.goals).min(dim=-1)
        bump = (-distance.square() / (2 * BUMP**2)).exp()
        reward = bump - COST * velocity.square().sum(dim=-1)
        self.clock = self.clock + 1
        done = self.clock >= self.settings.length
        self.position = torch.where(done.unsqueeze(-1), self._starts(), arrived)
        self.clock = self.clock * ~done
        reached = torch.where(distance <= REACH, goal, NONE)
        infos = {"time_outs": done.clone(), "position": arrived, "goal": reached}
        return self.position.clone(), reward, done, infos

    def _starts(self) -> Tensor:
        noise = torch.randn(self.position.shape, generator=self.generator, device=self.device)
        return self.settings.start_noise * noise


SIMULATOR = Adapter("multigoal", MultiGoal, MultiGoalConfig)
