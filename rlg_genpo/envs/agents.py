"""Several agents in one environment under rl_games: as rows, or as one large agent.

rl_games has one observation tensor, one action tensor and one reward per row. With B environments,
n agents, and O_i and D_i the sizes of agent i's observation and action there are two layouts:

- **native**: rl_games is told of n agents. Observations (B n, O), actions (B n, D), rewards (B n,),
  environment-major: row = environment * n + agent. All agents have the same sizes. One network acts
  for each agent, from what that agent sees.
- **joint**: rl_games is told of one agent. Observations (B, sum of O_i), actions (B, sum of D_i),
  rewards (B,), the mean over the agents. The sizes may differ.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rlg_genpo.common.joint import AgentSize
from rlg_genpo.common.schema import one_of, option
from rlg_genpo.envs.simulator import (
    PATH,
    STATES_ARE_OFF,
    AdaptedEnv,
    Adapter,
    SimulatorConfig,
    refuse_critic,
)
from rlg_genpo.errors import ConfigError
from rlg_genpo.host.compat import spaces

#: agents' observations as rl_games reads them: alone, or as ``obs`` beside ``states``
Seen = Tensor | dict[str, Tensor]

OWN, TEAM = "own", "team"
#: ages at which staggered episodes begin: so many, evenly over an episode
AGES = 10


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
        in_row = self.sizes if self.joint else self.sizes[:1]
        return {
            "observation_space": unbounded(in_row),
            "action_space": spaces.Box(-1.0, 1.0, (sum(size.act for size in in_row),)),
            "state_space": unbounded(self.sizes) if self.states else None,
            "agents": self.agents,
            "agent_sizes": self.sizes,
        }

    def observations(self, parts: Sequence[Tensor]) -> Seen:
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


def unbounded(sizes: Sequence[AgentSize]) -> Any:
    return spaces.Box(-math.inf, math.inf, (sum(size.obs for size in sizes),))


def stretched(actions: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Actions in [-1, 1], clamped to it, on the range from ``low`` to ``high``, each (D,)."""
    centre, half = (high + low) / 2, (high - low) / 2
    # The last clamp is for rounding: a simulator refuses what is a hair outside.
    return (centre + half * actions.clamp(-1.0, 1.0)).clamp(low, high)


@dataclass(frozen=True, kw_only=True)
class AgentsConfig(SimulatorConfig):
    """``params.config.env_config``, as far as every multi-agent simulator understands it."""

    joint: bool = option(False, "give rl_games the agents as one; needed where their sizes differ")
    states: bool = option(False, "give all agents' observations together, for central_value_config")
    rewards: str = option(
        OWN,
        "own: each agent's; team: for every agent the mean over the agents, as in the joint layout",
        one_of((OWN, TEAM)),
    )
    stagger: bool = option(
        True,
        "begin training at random ages of the first episodes, which then end earlier, so that not "
        "all end in the same step; the returns of the first epochs are those of shorter episodes",
    )


class Step(NamedTuple):
    """What a simulator says of one step of B environments."""

    seen: Sequence[Tensor]  # each agent's observations (B, O_i), of a new episode where one ended
    rewards: Sequence[Tensor]  # each agent's (B,)
    failed: Tensor  # (B,) of bool, an end that is the task's own
    late: Tensor  # (B,) of bool, an end at the time limit


class AgentsEnv(AdaptedEnv):
    """A vector of B environments with n agents each, in one of the two layouts.

    ``env_info`` has ``agent_sizes``, those of every agent, in order; ``ranges`` are each agent's
    Box of actions (D_i,).
    """

    def __init__(
        self,
        num_actors: int,
        settings: AgentsConfig,
        sizes: Sequence[AgentSize],
        ranges: Sequence[Any],
        device: torch.device,
    ) -> None:
        self.count = num_actors
        self.layout = Layout(tuple(sizes), settings.joint, settings.states, settings.rewards)
        self.env_info = self.layout.env_info()
        self.device = device
        self.low = [torch.as_tensor(box.low, device=device) for box in ranges]
        self.high = [torch.as_tensor(box.high, device=device) for box in ranges]
        self._ages = torch.Generator().manual_seed(settings.seed or 0)
        self._may_stagger = settings.stagger

    def step(self, actions: Tensor) -> tuple[Seen, Tensor, Tensor, dict[str, Any]]:
        """One step, by actions (B n, D) in the native layout, (B, sum of D_i) in the joint one.

        They are clamped to [-1, 1] and stretched to each agent's own range.
        """
        parts = self.layout.actions(actions.detach().to(self.device))
        ranged = [stretched(*part) for part in zip(parts, self.low, self.high, strict=True)]
        seen, rewards, failed, late = self._advance(ranged)
        return (
            self.layout.observations(seen),
            self.layout.reward(rewards),
            self.layout.each(failed | late),
            {"time_outs": self.layout.each(late & ~failed)},
        )

    @abstractmethod
    def _advance(self, actions: list[Tensor]) -> Step:
        """One step of the simulator with each agent's actions (B, D_i), within their ranges."""

    def set_train_info(self, env_frames: int, *args: Any, **kwargs: Any) -> None:
        """Only training calls it, so the ages at which it begins never shorten an evaluation."""
        super().set_train_info(env_frames, *args, **kwargs)
        # In a run that goes on, episodes cut short would look like the best it ever had.
        if self._may_stagger and not env_frames:
            # Not any age: what is done once a step for new episodes is then done in few steps.
            self._grow_older(torch.randint(AGES, (self.count,), generator=self._ages) / AGES)
        self._may_stagger = False

    @abstractmethod
    def _grow_older(self, share: Tensor) -> None:
        """Count a share in [0, 1) of the episode's steps, (B,), as if they were done."""


class AgentsSimulator(Adapter):
    """A simulator whose environments are :class:`AgentsEnv`."""

    def check(self, config: Mapping[str, Any]) -> None:
        layout: Layout = self.single(config).layout
        if not layout.states:
            refuse_critic(config, STATES_ARE_OFF)
        if layout.agents > 1 and layout.rewards == OWN:
            # CentralValueTrain.update_multiagent_tensors keeps the first agent's returns.
            refuse_critic(
                config,
                f"rl_games trains it on the first agent's returns, but {PATH}.rewards is {OWN}; "
                f"set it to {TEAM}.",
            )
