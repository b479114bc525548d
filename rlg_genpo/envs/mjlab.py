"""mjlab's tasks under rl_games: ``params.config.env_name: mjlab``.

mjlab (https://github.com/mujocolab/mjlab) is Isaac Lab's manager API on MuJoCo-Warp, without Isaac
Sim. A task's observation group ``actor`` becomes rl_games' observation and ``critic`` its state,
which a ``central_value_config`` reads. Everything stays a torch tensor on the simulation's device.
"""

import importlib
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.schema import nearest, option, parse, positive
from rlg_genpo.envs.simulator import (
    PATH,
    STATES_ARE_OFF,
    AdaptedEnv,
    Adapter,
    SimulatorConfig,
    device_of,
    refuse_critic,
)
from rlg_genpo.errors import ConfigError
from rlg_genpo.host.compat import spaces

ACTOR, CRITIC = "actor", "critic"

LISTING = "`python -m mjlab.scripts.list_envs` lists them"


@dataclass(frozen=True, kw_only=True)
class MjlabConfig(SimulatorConfig):
    """``params.config.env_config``; the number of environments is ``params.config.num_actors``."""

    env_name: str = option(MISSING, f"mjlab's task id; {LISTING}.")
    states: bool = option(True, "give the task's critic observations, for central_value_config")
    clip_actions: float = option(
        1.0,
        "bound of the action space, to which actions are clipped; rl_games maps its own [-1, 1] "
        "onto it unless params.config.clip_actions is False",
        positive(),
    )
    clip_observations: float | None = option(
        None, "bound to which observations and states are clipped", positive()
    )


class MjlabEnv(AdaptedEnv):
    """A vector of B environments of one mjlab task."""

    def __init__(self, num_actors: int, options: Mapping[str, Any]) -> None:
        self.settings = parse(MjlabConfig, options, PATH)
        config = task_config(self.settings.env_name)
        device = device_of(self.settings.device)
        config.scene.num_envs = num_actors
        config.seed = self.settings.seed
        config.auto_reset = True  # rl_games never resets an environment by itself
        self.has_states = self.settings.states and CRITIC in config.observations
        if not self.has_states:
            config.observations.pop(CRITIC, None)
        self.env = simulator().ManagerBasedRlEnv(config, device=device)
        self.device = torch.device(self.env.device)
        groups = self.env.single_observation_space.spaces
        bound = self.settings.clip_actions
        self.env_info = {
            "observation_space": unbounded(groups[ACTOR]),
            "action_space": spaces.Box(-bound, bound, self.env.single_action_space.shape),
            "state_space": unbounded(groups[CRITIC]) if self.has_states else None,
        }

    def reset(self) -> dict[str, Any]:
        """First observations of new episodes: ``obs`` (B, O), and ``states`` (B, S) if given."""
        return self._seen(self.env.reset()[0])

    def step(self, actions: Tensor) -> tuple[dict[str, Any], Tensor, Tensor, dict[str, Any]]:
        """One control step, by actions (B, D) clipped to the action space.

        Infos have ``time_outs`` unless the task's horizon is finite, and ``episode``, mjlab's log
        of the episodes that ended in this step, where any did.
        """
        bound = self.settings.clip_actions
        seen, reward, failed, out_of_time, extras = self.env.step(actions.clamp(-bound, bound))
        infos: dict[str, Any] = {}
        if not self.env.cfg.is_finite_horizon:
            infos["time_outs"] = out_of_time & ~failed
        if extras.get("log"):
            # Later steps change what stands there.
            infos["episode"] = {
                name: value.detach().clone() if isinstance(value, Tensor) else value
                for name, value in extras["log"].items()
            }
        # mjlab writes the next step's reward into the same tensor.
        return self._seen(seen), reward.clone(), failed | out_of_time, infos

    def _seen(self, groups: Mapping[str, Any]) -> dict[str, Any]:
        bound = self.settings.clip_observations
        seen = {"obs": clipped(groups[ACTOR], bound)}
        if self.has_states:
            seen["states"] = clipped(groups[CRITIC], bound)
        return seen

    def get_env_state(self) -> dict[str, int]:
        """What a checkpoint keeps: the steps so far, by which mjlab's curricula proceed."""
        return {"common_step_counter": self.env.common_step_counter}

    def set_env_state(self, env_state: Mapping[str, int] | None) -> None:
        if env_state is not None:
            self.env.common_step_counter = env_state["common_step_counter"]

    def seed(self, seed: int) -> None:
        self.env.seed(seed)

    def close(self) -> None:
        self.env.close()


def simulator() -> Any:
    """The module ``mjlab.envs``, with every task registered."""
    SIMULATOR.load()
    importlib.import_module("mjlab.tasks")
    return importlib.import_module("mjlab.envs")


def task_config(task: str) -> Any:
    """mjlab's ``ManagerBasedRlEnvCfg`` of a task with an ``actor`` group, the caller's own copy."""
    simulator()
    registry = importlib.import_module("mjlab.tasks.registry")
    tasks = registry.list_tasks()
    if task not in tasks:
        raise ConfigError(
            f"{PATH}.env_name: mjlab has no task {task!r}{nearest(task, tasks)} {LISTING}; a task "
            "of your own is found if its package names the entry point mjlab.tasks, or registers "
            "it before this."
        )
    config = registry.load_env_cfg(task)
    if ACTOR not in config.observations:
        raise ConfigError(
            f"{PATH}.env_name: {task} has the observation groups "
            f"{', '.join(config.observations)}; one called {ACTOR} is needed."
        )
    return config


def unbounded(space: Any) -> Any:
    """mjlab's space in rl_games' words; a group whose terms are not concatenated is a Dict."""
    if hasattr(space, "spaces"):
        return spaces.Dict({name: unbounded(part) for name, part in space.spaces.items()})
    return spaces.Box(-math.inf, math.inf, space.shape)


def clipped(group: Any, bound: float | None) -> Any:
    """A group's observations in float32, clipped to [-bound, bound]."""
    if isinstance(group, Mapping):
        return {name: clipped(part, bound) for name, part in group.items()}
    return group.float() if bound is None else group.float().clamp(-bound, bound)


class MjlabSimulator(Adapter):
    """mjlab as rl_games selects it; to make an environment only to look at it takes too long."""

    def layout(self, config: Mapping[str, Any]) -> None:
        return None

    def spaces(self, config: Mapping[str, Any]) -> None:
        return None

    def check(self, config: Mapping[str, Any]) -> None:
        settings = parse(MjlabConfig, config.get("env_config"), PATH)
        task = task_config(settings.env_name)
        if not settings.states:
            refuse_critic(config, STATES_ARE_OFF)
        if CRITIC not in task.observations:
            refuse_critic(
                config,
                f"needs states, but {settings.env_name} has no {CRITIC} observations; remove the "
                "block.",
            )


SIMULATOR = MjlabSimulator("mjlab", MjlabEnv, MjlabConfig, "mjlab", "rlg_genpo[mjlab]")
