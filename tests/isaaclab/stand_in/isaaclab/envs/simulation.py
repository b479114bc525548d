"""MuJoCo through envpool, many environments as torch tensors, as Isaac Lab's simulators give them.

Unlike Isaac Lab's, an environment that has ended is reset by the next step, not by the same.
"""

from typing import Any

import envpool
import numpy as np
import torch
from torch import Tensor


class Simulation:
    """A batch of one envpool task.

    Args:
        task: envpool's name of it.
        count: environments.
        seed: of all of them.
    """

    def __init__(self, task: str, count: int, seed: int) -> None:
        self.pool: Any = envpool.make_gymnasium(task, num_envs=count, num_threads=1, seed=seed)
        self.count = count
        self.obs_dim: int = self.pool.observation_space.shape[0]
        self.action_dim: int = self.pool.action_space.shape[0]

    def reset(self) -> Tensor:
        """Observations (B, obs_dim)."""
        return self._tensor(self.pool.reset()[0])

    def step(self, action: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Actions (B, action_dim) to observations, rewards, terminated and truncated, (B,) each."""
        assert action.shape == (self.count, self.action_dim)
        obs, reward, terminated, truncated, _ = self.pool.step(
            action.cpu().numpy().astype(np.float32)
        )
        return (
            self._tensor(obs),
            self._tensor(reward),
            torch.as_tensor(terminated),
            torch.as_tensor(truncated),
        )

    @staticmethod
    def _tensor(array: Any) -> Tensor:
        return torch.as_tensor(np.asarray(array, dtype=np.float32))
