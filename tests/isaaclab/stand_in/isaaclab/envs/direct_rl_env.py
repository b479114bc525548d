"""Stand-in for Isaac Lab's single-agent environment."""

from typing import Any

import gymnasium
import numpy as np
from torch import Tensor

from isaaclab.envs.cfg import TaskCfg
from isaaclab.envs.simulation import Simulation
from isaaclab.utils import configclass

#: seconds of simulated time per step
STEP_DT = 0.05


@configclass
class DirectRLEnvCfg(TaskCfg):
    pass


class DirectRLEnv(gymnasium.Env):
    """Batched tensors in and out, observations by group, the episode's log in the extras."""

    def __init__(self, cfg: Any, render_mode: str | None = None, **kwargs: Any) -> None:
        self.cfg, self.render_mode = cfg, render_mode
        self.sim, self.scene = cfg.sim, cfg.scene
        self.simulation = Simulation(cfg.mujoco_task, cfg.scene.num_envs, cfg.seed or 0)
        widths = {name: last - first for name, (first, last) in cfg.groups.items()}
        self.single_observation_space = gymnasium.spaces.Dict(
            {name: box(width) for name, width in widths.items()}
        )
        self.single_action_space = box(self.simulation.action_dim)

    @property
    def num_envs(self) -> int:
        return self.scene.num_envs

    @property
    def device(self) -> str:
        return self.sim.device

    @property
    def step_dt(self) -> float:
        return STEP_DT

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Tensor], dict]:
        return self._grouped(self.simulation.reset()), {}

    def step(self, action: Tensor) -> Any:
        obs, reward, terminated, truncated = self.simulation.step(action)
        log = {"Episode_Reward/mean": reward.mean().item()}
        return self._grouped(obs), reward, terminated, truncated, {"log": log}

    def _grouped(self, obs: Tensor) -> dict[str, Tensor]:
        return {name: obs[:, first:last].clone() for name, (first, last) in self.cfg.groups.items()}


def box(width: int) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(-np.inf, np.inf, (width,), np.float32)
