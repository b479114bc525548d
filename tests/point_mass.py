"""A vectorised point mass for training tests, switchable in what rl_games sees of it."""

from typing import Any

import numpy as np
import torch
from rl_games.common import env_configurations, vecenv
from rl_games.common.ivecenv import IVecEnv

from rlg_genpo.host.compat import spaces

NAME = "point_mass"
PIXELS = 8


class PointMass(IVecEnv):
    """Points on the square [-1, 1]^2 that are paid for being near their goal.

    Episodes start at staggered times, so that they do not all end in the same step.

    Args:
        low, high: bounds of the action; the middle of them stands still.
        observation: ``vector``, ``memory`` (the goal shows in an episode's first step only),
            ``image``, ``dict`` or ``dict_image``.
        states: also give the full state, for a central value.
        time_outs: report the end of an episode as a time limit.
        filler: as envpool does, show an episode's last state first and reset on the step after,
            which ignores the action and is paid this; None resets at once.
        length: steps of an episode.
        arrays: speak numpy instead of torch.
        agents: points per environment, each an agent of its own.
    """

    def __init__(
        self,
        num_actors: int,
        low: tuple[float, ...] = (-1.0, -1.0),
        high: tuple[float, ...] = (1.0, 1.0),
        observation: str = "vector",
        states: bool = False,
        time_outs: bool = False,
        filler: float | None = None,
        length: int = 8,
        arrays: bool = False,
        agents: int = 1,
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        self.agents, self.count = agents, num_actors * agents
        self.dim, self.device = len(low), device
        self.low, self.high = torch.tensor(low), torch.tensor(high)
        self.observation, self.states, self.time_outs = observation, states, time_outs
        self.length, self.arrays, self.filler = length, arrays, filler
        self.generator = torch.Generator().manual_seed(seed)
        self.clock = torch.arange(num_actors).repeat_interleave(agents) % length
        self.position = self._uniform(torch.ones(self.count, dtype=torch.bool))
        self.goal = self._uniform(torch.ones(self.count, dtype=torch.bool))
        #: what came in and went out, step by step
        self.actions: list[torch.Tensor] = []
        self.rewards: list[torch.Tensor] = []
        self.dones: list[torch.Tensor] = []

    def _uniform(self, where: torch.Tensor) -> torch.Tensor:
        return 2 * torch.rand(int(where.sum()), self.dim, generator=self.generator) - 1

    def get_env_info(self) -> dict[str, Any]:
        return {
            "observation_space": self._space(),
            "action_space": spaces.Box(self.low.numpy(), self.high.numpy()),
            "state_space": box(2 * self.dim + 1) if self.states else None,
            "agents": self.agents,
            "value_size": 1,
            # rl_games 2.0 takes the filler rows out of its losses.
            "autoreset_mode": "same_step" if self.filler is None else "next_step",
        }

    def _space(self) -> spaces.Space:
        image = spaces.Box(0, 255, (PIXELS, PIXELS, 1), np.uint8)
        goal = box(self.dim)
        return {
            "vector": box(2 * self.dim),
            "memory": box(2 * self.dim),
            "image": image,
            "dict": spaces.Dict({"goal": goal, "position": goal}),
            "dict_image": spaces.Dict({"camera": image, "goal": goal}),
        }[self.observation]

    def reset(self) -> Any:
        return self._out(self._observe())

    def step(self, actions: Any) -> tuple[Any, Any, Any, dict[str, Any]]:
        actions = torch.as_tensor(actions).cpu()
        assert actions.shape == (self.count, self.dim)
        assert (actions >= self.low - 1e-5).all() and (actions <= self.high + 1e-5).all()
        middle, reach = (self.high + self.low) / 2, (self.high - self.low) / 2
        self.position = (self.position + 0.25 * (actions - middle) / reach).clamp(-1, 1)
        reward = -(self.position - self.goal).square().sum(dim=-1)
        self.clock = self.clock + 1
        done = self.clock == self.length
        reset = done if self.filler is None else self.clock > self.length
        if self.filler is not None:
            reward[reset] = self.filler
        self.clock[reset] = 0
        self.position[reset], self.goal[reset] = self._uniform(reset), self._uniform(reset)
        self.actions.append(actions)
        self.rewards.append(reward)
        self.dones.append(done)
        infos = {"time_outs": self._out(done.float())} if self.time_outs else {}
        return self._out(self._observe()), self._out(reward), self._out(done), infos

    def _observe(self) -> Any:
        goal = self.goal
        if self.observation == "memory":
            goal = goal * (self.clock == 0).unsqueeze(-1)
        observation: Any = {
            "vector": lambda: torch.cat([self.position, goal], dim=-1),
            "memory": lambda: torch.cat([self.position, goal], dim=-1),
            "image": self._image,
            "dict": lambda: {"goal": goal, "position": self.position},
            "dict_image": lambda: {"camera": self._image(), "goal": goal},
        }[self.observation]()
        if not self.states:
            return observation
        clock = self.clock.float().unsqueeze(-1)
        state = torch.cat([self.position, self.goal, clock], dim=-1)
        return {"obs": observation, "states": state}

    def _image(self) -> torch.Tensor:
        image = torch.zeros(self.count, PIXELS, PIXELS, 1, dtype=torch.uint8)
        rows = torch.arange(self.count)
        for point, shade in ((self.goal, 128), (self.position, 255)):
            column, row = ((point[:, :2] + 1) / 2 * (PIXELS - 1)).round().long().unbind(dim=-1)
            image[rows, row, column, 0] = shade
        return image

    def _out(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._out(part) for key, part in value.items()}
        return value.numpy().copy() if self.arrays else value.to(self.device, copy=True)


def box(width: int) -> spaces.Box:
    return spaces.Box(-np.inf, np.inf, (width,), np.float32)


vecenv.register(NAME, lambda name, num_actors, **kwargs: PointMass(num_actors, **kwargs))
env_configurations.register(
    NAME, {"vecenv_type": NAME, "env_creator": lambda **kwargs: PointMass(1, **kwargs)}
)
