"""What several agents' environment looks like to rl_games, made one flat vector with named slices.

Two hosts lead here. Isaac Lab flattens its multi-agent tasks itself: rl_games sees one agent. Other
environments give rl_games several agents natively; :class:`rlg_genpo.common.joint.JointEnv` makes
the same of them.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

from rl_games.common import vecenv

from rlg_genpo.common.joint import joined
from rlg_genpo.ddpl.config import AGENTS, AgentConfig, DDPLConfig
from rlg_genpo.errors import ConfigError


def join(params: dict[str, Any], settings: DDPLConfig) -> tuple[dict[str, Any], DDPLConfig]:
    """``params`` whose environments are made and their agents joined, and settings that know them.

    rl_games takes environments that are made already from ``params.config``, of which these are a
    copy.

    Raises:
        ConfigError: the settings and the environments differ.
    """
    config: dict[str, Any] = dict(params["config"])
    if config.get("env_info") is None:
        env = vecenv.create_vec_env(
            config["env_name"], config["num_actors"], **config.get("env_config", {})
        )
        config["vec_env"] = env
        config["env_info"] = env.get_env_info()
    if config["env_info"].get("agents", 1) > 1:
        config["vec_env"] = joined(config["vec_env"])
        config["env_info"] = config["vec_env"].get_env_info()
    settings = settings.resolve(cast(dict, config["env_info"]), config.get("vec_env"))
    return {**params, "config": config}, settings


def agents_of(
    given: tuple[AgentConfig, ...] | None, info: Mapping[str, Any], env: Any
) -> tuple[AgentConfig, ...]:
    """The agents as the settings list them, or as the environments name them.

    Raises:
        ConfigError: nobody says which slice is whose, or the settings and the environments differ.
    """
    observation, action = info["observation_space"], info["action_space"]
    known = sizes_of(info, env)
    if given is not None and known is not None and given != known:
        raise ConfigError(
            f"{AGENTS}: {words(given)}; the environment has {words(known)}. List these, or "
            "leave the block out."
        )
    agents = given or known
    if agents is None:
        raise ConfigError(
            f"{AGENTS}: missing, and the environment does not say which of its "
            f"{observation.shape[0]} observations and {action.shape[0]} action components are "
            "whose; list each agent's {name, obs, act} in order."
        )
    if observation.shape is None or len(observation.shape) != 1:
        raise ConfigError(
            f"{AGENTS}: the agents' slices need a flat observation vector, the environment's "
            f"observation is {observation}."
        )
    return agents


def sizes_of(info: Mapping[str, Any], env: Any) -> tuple[AgentConfig, ...] | None:
    """The agents as the environment names them; None where it does not."""
    if "agent_sizes" in info:
        return tuple(AgentConfig(*sizes) for sizes in info["agent_sizes"])
    task = multi_agent_task(env)
    if task is None:
        return None
    return tuple(
        AgentConfig(str(name), size(task.observation_spaces[name]), size(task.action_spaces[name]))
        for name in task.possible_agents
    )


def multi_agent_task(env: Any) -> Any:
    """Isaac Lab's multi-agent environment under its wrappers; None where there is none."""
    for _ in range(8):
        if hasattr(env, "possible_agents"):
            return env
        inner = getattr(env, "env", None)
        if inner is None:
            inner = getattr(env, "unwrapped", None)
        if inner is None or inner is env:
            return None
        env = inner
    return None


def size(space: Any) -> int:
    """How many numbers a Box holds."""
    return math.prod(int(width) for width in space.shape)


def words(agents: Iterable[AgentConfig]) -> str:
    return ", ".join(f"{agent.name} (obs {agent.obs}, act {agent.act})" for agent in agents)
