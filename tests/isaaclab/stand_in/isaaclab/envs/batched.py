"""What the stand-ins' environments share: a simulation of many, by an Isaac Lab configuration."""

from typing import Any

import gymnasium
import numpy as np

from isaaclab.envs.simulation import Simulation

#: seconds of simulated time per step
STEP_DT = 0.05


class Batched(gymnasium.Env):
    """The attributes that Isaac Lab's wrapper and scripts read of every environment."""

    def __init__(self, cfg: Any, render_mode: str | None = None, **kwargs: Any) -> None:
        self.cfg, self.render_mode = cfg, render_mode
        self.sim, self.scene = cfg.sim, cfg.scene
        self.simulation = Simulation(cfg.mujoco_task, cfg.scene.num_envs, cfg.seed or 0)

    @property
    def num_envs(self) -> int:
        return self.scene.num_envs

    @property
    def device(self) -> str:
        return self.sim.device

    @property
    def step_dt(self) -> float:
        return STEP_DT


def box(width: int) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(-np.inf, np.inf, (width,), np.float32)
