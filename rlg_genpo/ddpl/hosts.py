"""What several agents' environment looks like to rl_games, made one flat vector with named slices.

Two hosts lead here. Isaac Lab flattens its multi-agent tasks itself: rl_games sees one agent. Other
environments give rl_games several agents natively; :class:`rlg_genpo.envs.joint.JointEnv` makes
the same of them.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from rl_games.common import vecenv

from rlg_genpo.ddpl import config as ddpl
from rlg_genpo.ddpl.config import AgentConfig
from rlg_genpo.envs.joint import joined
from rlg_genpo.errors import ConfigError


def join(config: dict[str, Any]) -> None:
    """Make the environments of ``params.config`` where they are not yet, and join their agents."""
    if config.get("env_info") is None:
        env = vecenv.create_vec_env(
            config["env_name"], config["num_actors"], **config.get("env_config", {})
        )
        config["vec_env"] = env
        config["env_info"] = env.get_env_info()
    if config["env_info"].get("agents", 1) > 1:
        config["vec_env"] = joined(config["vec_env"])
        config["env_info"] = config["vec_env"].get_env_info()


def name_agents(params: dict[str, Any]) -> None:
    """Fill in ``network.agents`` where the environment knows them, and check them against it.

    Raises:
        ConfigError: nobody says which slice is whose, the slices do not add up, or the YAML and the
            environment differ.
    """
    config, network = params["config"], params["network"]
    info = config["env_info"]
    known = sizes_of(info, config.get("vec_env"))
    given = ddpl.parse_agents(network)
    if given is None and known is None:
        raise ConfigError(
            f"{ddpl.AGENTS}: missing, and the environment does not say which of its "
            f"{info['observation_space'].shape[0]} observations and "
            f"{info['action_space'].shape[0]} action components are whose; list each agent's "
            "{name, obs, act} in order."
        )
    if given is not None and known is not None and given != known:
        raise ConfigError(
            f"{ddpl.AGENTS}: {words(given)}; the environment has {words(known)}. List these, or "
            "leave the block out."
        )
    agents = given or known
    assert agents is not None
    observation, action = info["observation_space"].shape, info["action_space"].shape
    if observation is None or len(observation) != 1:
        raise ConfigError(
            f"{ddpl.AGENTS}: the agents' slices need a flat observation vector, the environment's "
            f"observation is {info['observation_space']}."
        )
    ddpl.check_sizes(agents, observation[0], action[0])
    ddpl.check_shared(agents, ddpl.parse_diffusion(network))
    network["agents"] = [asdict(agent) for agent in agents]


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
