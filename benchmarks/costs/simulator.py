"""A simulator that costs nothing: the same random tensors at every step."""

from typing import Any

import numpy as np
import torch
from rl_games.common import env_configurations, vecenv
from rl_games.common.ivecenv import IVecEnv

from rlg_genpo.host.compat import spaces

NAME = "costs_nothing"


class Nothing(IVecEnv):
    """Observations (A, C), rewards (A,) and dones (A,) that never change; actions are ignored."""

    def __init__(
        self, num_actors: int, observation: int, action: int, device: str, seed: int = 0
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.observation = torch.randn(num_actors, observation, generator=generator).to(device)
        self.rewards = torch.randn(num_actors, generator=generator).to(device)
        self.dones = torch.zeros(num_actors, dtype=torch.uint8, device=device)
        self.action = action

    def get_env_info(self) -> dict[str, Any]:
        width = self.observation.shape[1]
        return {
            "observation_space": spaces.Box(-np.inf, np.inf, (width,), np.float32),
            "action_space": spaces.Box(-1.0, 1.0, (self.action,), np.float32),
            "agents": 1,
            "value_size": 1,
        }

    def reset(self) -> torch.Tensor:
        return self.observation

    def step(self, actions: torch.Tensor) -> tuple[Any, Any, Any, dict[str, Any]]:
        return self.observation, self.rewards.clone(), self.dones.clone(), {}


vecenv.register(NAME, lambda name, num_actors, **kwargs: Nothing(num_actors, **kwargs))
env_configurations.register(
    NAME, {"vecenv_type": NAME, "env_creator": lambda **kwargs: Nothing(1, **kwargs)}
)
