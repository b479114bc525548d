"""What our multi-agent environments share: their options, and their side of rl_games' interface."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rlg_genpo.common.schema import one_of, option
from rlg_genpo.envs.layout import OWN, TEAM, Layout, check_critic, stretched
from rlg_genpo.envs.simulator import AdaptedEnv, Adapter, SimulatorConfig

#: ages at which staggered episodes begin: so many, evenly over an episode
AGES = 10


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

    A simulator sets ``low`` and ``high``, each agent's range of actions (D_i,), on the device on
    which it wants its actions.

    Args:
        num_actors: B.
        settings: the options.
        layout: the agents and how rl_games sees them.
        device: of the tensors.
    """

    low: list[Tensor]
    high: list[Tensor]

    def __init__(
        self, num_actors: int, settings: AgentsConfig, layout: Layout, device: torch.device
    ) -> None:
        self.count = num_actors
        self.layout = layout
        self.device = device
        self._ages = torch.Generator().manual_seed(settings.seed or 0)
        self._may_stagger = settings.stagger

    def get_env_info(self) -> dict[str, Any]:
        """Also ``agent_sizes``: (name, observation size, action size) of every agent, in order."""
        return self.layout.env_info()

    def get_number_of_agents(self) -> int:
        return self.layout.agents

    def step(
        self, actions: Tensor
    ) -> tuple[Tensor | dict[str, Tensor], Tensor, Tensor, dict[str, Any]]:
        """One step of every environment; those whose episode ends begin another.

        Args:
            actions: (B n, D) in the native layout, (B, sum of D_i) in the joint one; clamped to
                [-1, 1] and stretched to each agent's own range.

        Returns:
            Observations as ``reset`` gives them (of the new episode where one ended), rewards and
            dones (B n,) or (B,), dones of bool, and infos: ``time_outs`` as dones, where an episode
            ended at its time limit alone.
        """
        parts = self.layout.actions(actions.detach().to(self.low[0].device))
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
        """Called by rl_games' agent before each rollout; its second argument is the agent.

        Only training calls it, so the ages at which it begins never shorten an evaluation.

        Raises:
            ConfigError: the agent and the environments are on different devices.
        """
        super().set_train_info(env_frames, *args, **kwargs)
        if self._may_stagger:
            self._may_stagger = False
            if env_frames:
                # A run that goes on: episodes cut short would look like the best it ever had.
                return
            # Not any age: what is done once a step for new episodes is then done in few steps.
            self._grow_older(torch.randint(AGES, (self.count,), generator=self._ages) / AGES)

    @abstractmethod
    def _grow_older(self, share: Tensor) -> None:
        """Count a share in [0, 1) of the episode's steps, (B,), as if they were done."""


class AgentsSimulator(Adapter):
    """A multi-agent simulator, of which a single environment is cheap to make."""

    @abstractmethod
    def layout(self, config: Mapping[str, Any]) -> Layout:
        """What the agents of ``params.config`` look like; makes one environment to see."""

    def check(self, config: Mapping[str, Any]) -> None:
        check_critic(config, self.layout(config))
