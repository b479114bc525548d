"""How several agents in one environment look to rl_games: as rows, or as one large agent.

rl_games has one observation tensor, one action tensor and one reward per row. With B environments,
n agents, and O_i and D_i the sizes of agent i's observation and action there are two layouts:

- **native**: rl_games is told of n agents. Observations (B n, O), actions (B n, D), rewards (B n,),
  environment-major: row = environment * n + agent. All agents have the same sizes. One network acts
  for each agent, from what that agent sees.
- **joint**: rl_games is told of one agent. Observations (B, sum of O_i), actions (B, sum of D_i),
  rewards (B,), the mean over the agents. The sizes may differ.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.joint import AgentSize
from rlg_genpo.envs.simulator import PATH
from rlg_genpo.errors import ConfigError
from rlg_genpo.host.compat import spaces

OWN, TEAM = "own", "team"


@dataclass(frozen=True)
class Layout:
    """One of the two layouts, for agents in the simulator's order.

    Raises:
        ConfigError: agents of different sizes in the native layout.
    """

    sizes: tuple[AgentSize, ...]
    joint: bool
    #: beside the observations, all agents' observations in one row per environment
    states: bool = False
    #: ``own`` or ``team``: in the native layout, an agent's reward, or the mean over the agents
    rewards: str = OWN

    def __post_init__(self) -> None:
        if not self.joint and len({(size.obs, size.act) for size in self.sizes}) > 1:
            shown = ", ".join(f"{size.name} {size.obs}/{size.act}" for size in self.sizes)
            raise ConfigError(
                f"{PATH}.joint: False, but the agents' sizes of observation/action differ "
                f"({shown}); set it to True."
            )

    @property
    def agents(self) -> int:
        """Rows of each environment: n in the native layout, 1 in the joint one."""
        return 1 if self.joint else len(self.sizes)

    def env_info(self) -> dict[str, Any]:
        """What rl_games asks of an environment, and ``agent_sizes``."""
        observed, acted = sum(s.obs for s in self.sizes), sum(s.act for s in self.sizes)
        return {
            "observation_space": unbounded(observed if self.joint else self.sizes[0].obs),
            "action_space": spaces.Box(-1.0, 1.0, (acted if self.joint else self.sizes[0].act,)),
            "state_space": unbounded(observed) if self.states else None,
            "agents": self.agents,
            "agent_sizes": self.sizes,
            "value_size": 1,
        }

    def observations(self, parts: Sequence[Tensor]) -> Tensor | dict[str, Tensor]:
        """The agents' observations, each (B, O_i), as rl_games reads them."""
        row = torch.cat(list(parts), dim=-1)
        seen = row if self.joint else row.reshape(-1, self.sizes[0].obs)
        # rl_games' central critic has one row per environment in its buffer, and repeats its value
        # for every agent; so its states are not repeated.
        return {"obs": seen, "states": row} if self.states else seen

    def actions(self, actions: Tensor) -> list[Tensor]:
        """Each agent's actions (B, D_i), from rl_games' actions."""
        joined = actions.reshape(-1, sum(size.act for size in self.sizes))
        return list(joined.split([size.act for size in self.sizes], dim=-1))

    def reward(self, rewards: Sequence[Tensor]) -> Tensor:
        """Rewards as rl_games reads them, from each agent's (B,)."""
        each = torch.stack(list(rewards), dim=-1)
        mean = each.mean(dim=-1, keepdim=True)
        if self.joint:
            return mean.squeeze(-1)
        return (each if self.rewards == OWN else mean.expand_as(each)).flatten()

    def each(self, per_env: Tensor) -> Tensor:
        """What holds for a whole environment (B,), for each of its rows."""
        return per_env.repeat_interleave(self.agents, dim=0)


def unbounded(size: int) -> Any:
    return spaces.Box(-math.inf, math.inf, (size,))


def stretched(actions: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Actions in [-1, 1], clamped to it, on the range from ``low`` to ``high``, each (D,)."""
    centre, half = (high + low) / 2, (high - low) / 2
    # The last clamp is for rounding: a simulator refuses what is a hair outside.
    return (centre + half * actions.clamp(-1.0, 1.0)).clamp(low, high)


def check_critic(config: Mapping[str, Any], layout: Layout) -> None:
    """Whether rl_games' central critic can learn from these environments.

    Raises:
        ConfigError: it has no states, or would learn one agent's rewards only.
    """
    if config.get("central_value_config") is None:
        return
    where = "params.config.central_value_config: "
    if not layout.states:
        raise ConfigError(f"{where}needs states, but {PATH}.states is False; set it to True.")
    if layout.agents > 1 and layout.rewards == OWN:
        # CentralValueTrain.update_multiagent_tensors keeps the first agent's returns.
        raise ConfigError(
            f"{where}rl_games trains it on the first agent's returns, but {PATH}.rewards is {OWN}; "
            f"set it to {TEAM}."
        )
