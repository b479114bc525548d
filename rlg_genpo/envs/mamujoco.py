"""Multi-agent MuJoCo under rl_games: ``params.config.env_name: mamujoco``.

One of Gymnasium's robots, its joints dealt out to several agents, from gymnasium-robotics
(https://robotics.farama.org/envs/MaMuJoCo/). All agents get the robot's reward. The environments
are stepped one after another in this process: a few, not thousands. :mod:`rlg_genpo.envs.agents`
says how its per-agent dicts become rl_games' single tensors. B environments, n agents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.schema import at_least, one_of, option, parse, within
from rlg_genpo.envs.agents import AgentsConfig, AgentsEnv, AgentSize, AgentsSimulator, Seen, Step
from rlg_genpo.envs.simulator import PATH, device_of
from rlg_genpo.errors import ConfigError

#: the robots, and into which agents each can be divided (its others fail, or write XML files)
DIVISIONS = {
    "Ant": ("2x4", "2x4d", "4x2"),
    "HalfCheetah": ("2x3", "6x1"),
    "Hopper": ("3x1",),
    "Humanoid": ("9|8",),
    "HumanoidStandup": ("9|8",),
    "Reacher": ("2x1",),
    "Swimmer": ("2x1",),
    "Pusher": ("3p",),
    "Walker2d": ("2x3",),
}


@dataclass(frozen=True, kw_only=True)
class MamujocoConfig(AgentsConfig):
    """``params.config.env_config``; the number of environments is ``params.config.num_actors``."""

    scenario: str = option("HalfCheetah", "the robot", one_of(tuple(DIVISIONS)))
    agent_conf: str = option("2x3", "how its joints are dealt out: agents x joints each")
    agent_obsk: int = option(1, "how many joints away an agent sees; 0: its own alone", at_least(0))
    max_steps: int = option(
        1000, "steps after which an episode ends at the latest", within("[1, 1000]", 1, 1000)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        known = DIVISIONS[self.scenario]
        if self.agent_conf not in known:
            raise ConfigError(
                f"{PATH}.agent_conf: {self.scenario} has no division {self.agent_conf!r}. "
                f"Known: {', '.join(known)}."
            )


class MamujocoEnv(AgentsEnv):
    """B robots."""

    def __init__(self, num_actors: int, options: Mapping[str, Any]) -> None:
        chosen = self.settings = parse(MamujocoConfig, options, PATH)
        make = SIMULATOR.load().mamujoco_v1.parallel_env
        self.envs = [
            make(chosen.scenario, chosen.agent_conf, chosen.agent_obsk) for _ in range(num_actors)
        ]
        first = self.envs[0]
        self.names = list(first.possible_agents)
        boxes = [first.action_space(name) for name in self.names]
        sizes = [
            AgentSize(name, first.observation_space(name).shape[0], box.shape[0])
            for name, box in zip(self.names, boxes, strict=True)
        ]
        super().__init__(num_actors, chosen, sizes, boxes, torch.device(device_of(chosen.device)))
        self.clock = torch.zeros(num_actors, dtype=torch.long)
        self.seed(chosen.seed)

    def seed(self, seed: int | None) -> None:
        """Environment i takes ``seed`` + i when its next episode begins; None takes any."""
        self.seeds: list[int | None] = [
            None if seed is None else seed + i for i in range(self.count)
        ]

    def reset(self) -> Seen:
        seen = [self._begin(index) for index in range(self.count)]
        return self.layout.observations(self._parts(seen))

    def _advance(self, actions: list[Tensor]) -> Step:
        ranged = [part.cpu().numpy() for part in actions]
        self.clock += 1
        too_late = (self.clock >= self.settings.max_steps).tolist()
        seen, rewards, failed, late = [], [], [], []
        for index, env in enumerate(self.envs):
            acted = dict(zip(self.names, (part[index] for part in ranged), strict=True))
            observed, paid, ended, truncated, _ = env.step(acted)
            rewards.append([paid[name] for name in self.names])
            failed.append(any(ended.values()))
            late.append(too_late[index] or any(truncated.values()))
            seen.append(self._begin(index) if failed[-1] or late[-1] else observed)
        paid = torch.tensor(rewards, dtype=torch.float32, device=self.device)
        return Step(
            self._parts(seen),
            paid.unbind(dim=-1),
            torch.tensor(failed, device=self.device),
            torch.tensor(late, device=self.device),
        )

    def _begin(self, index: int) -> dict[str, Any]:
        self.clock[index] = 0
        seed, self.seeds[index] = self.seeds[index], None
        return self.envs[index].reset(seed=seed)[0]

    def _parts(self, seen: list[dict[str, Any]]) -> list[Tensor]:
        """Each agent's observations (B, O_i), from every environment's."""
        return [
            torch.stack([torch.as_tensor(each[name]) for each in seen]).float().to(self.device)
            for name in self.names
        ]

    def _grow_older(self, share: Tensor) -> None:
        self.clock += (share * self.settings.max_steps).long()

    def close(self) -> None:
        for env in self.envs:
            env.close()


class MamujocoSimulator(AgentsSimulator):
    """Multi-agent MuJoCo as rl_games selects it."""

    def task(self, config: Mapping[str, Any]) -> str:
        options = config.get("env_config") or {}
        robot = options.get("scenario", MamujocoConfig.scenario)
        return f"{robot}-{options.get('agent_conf', MamujocoConfig.agent_conf)}"


SIMULATOR = MamujocoSimulator(
    "mamujoco", MamujocoEnv, MamujocoConfig, "gymnasium_robotics", "rlg_genpo[marl]"
)
