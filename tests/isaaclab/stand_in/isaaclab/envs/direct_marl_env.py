"""Stand-in for Isaac Lab's multi-agent environment: one MuJoCo body whose joints are shared out."""

from typing import Any

from torch import Tensor

from isaaclab.envs.batched import Batched, box
from isaaclab.envs.cfg import TaskCfg
from isaaclab.utils import configclass


@configclass
class DirectMARLEnvCfg(TaskCfg):
    possible_agents: list[str] = ["front", "back"]
    state_space: int = 0
    mujoco_task: str = "HalfCheetah-v5"
    groups: dict[str, list[int]] = {"front": [0, 10], "back": [5, 17]}
    joints: dict[str, list[int]] = {"front": [3, 6], "back": [0, 3]}


class DirectMARLEnv(Batched):
    """Observations, actions, rewards and ends by agent, in dictionaries of batched tensors."""

    def __init__(self, cfg: Any, render_mode: str | None = None, **kwargs: Any) -> None:
        super().__init__(cfg, render_mode, **kwargs)
        self.possible_agents = self.agents = list(cfg.possible_agents)
        self.observation_spaces = {a: box(width(cfg.groups[a])) for a in self.agents}
        self.action_spaces = {a: box(width(cfg.joints[a])) for a in self.agents}

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Tensor], dict]:
        return self._shared_out(self.simulation.reset()), {}

    def step(self, action: dict[str, Tensor]) -> Any:
        joints = action["front"].new_zeros(self.num_envs, self.simulation.action_dim)
        for agent, (first, last) in self.cfg.joints.items():
            joints[:, first:last] = action[agent]
        obs, reward, terminated, truncated = self.simulation.step(joints)
        half = {agent: reward / 2 for agent in self.agents}
        ends = dict.fromkeys(self.agents, terminated), dict.fromkeys(self.agents, truncated)
        return self._shared_out(obs), half, *ends, {}

    def _shared_out(self, obs: Tensor) -> dict[str, Tensor]:
        return {agent: obs[:, first:last] for agent, (first, last) in self.cfg.groups.items()}


def width(columns: list[int]) -> int:
    return columns[1] - columns[0]
