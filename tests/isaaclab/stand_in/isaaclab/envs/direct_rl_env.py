"""Stand-in for Isaac Lab's single-agent environment."""

from typing import Any

import gymnasium
from torch import Tensor

from isaaclab.envs.batched import Batched, box
from isaaclab.envs.cfg import TaskCfg
from isaaclab.utils import configclass


@configclass
class DirectRLEnvCfg(TaskCfg):
    pass


class DirectRLEnv(Batched):
    """Batched tensors in and out, observations by group, the episode's log in the extras."""

    def __init__(self, cfg: Any, render_mode: str | None = None, **kwargs: Any) -> None:
        super().__init__(cfg, render_mode, **kwargs)
        widths = {name: last - first for name, (first, last) in cfg.groups.items()}
        self.single_observation_space = gymnasium.spaces.Dict(
            {name: box(width) for name, width in widths.items()}
        )
        self.single_action_space = box(self.simulation.action_dim)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Tensor], dict]:
        return self._grouped(self.simulation.reset()), {}

    def step(self, action: Tensor) -> Any:
        obs, reward, terminated, truncated = self.simulation.step(action)
        log = {"Episode_Reward/mean": reward.mean().item()}
        return self._grouped(obs), reward, terminated, truncated, {"log": log}

    def _grouped(self, obs: Tensor) -> dict[str, Tensor]:
        return {name: obs[:, first:last].clone() for name, (first, last) in self.cfg.groups.items()}
