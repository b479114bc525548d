"""What can be known of a task without making its simulator."""

import importlib.util
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gymnasium import spaces
from rl_games.common import env_configurations

from rlg_genpo.cli.configs import nearest
from rlg_genpo.envs import SIMULATORS, game, mamujoco, multigoal, vmas
from rlg_genpo.errors import ConfigError
from rlg_genpo.isaaclab.tasks import task_and_key

#: keys of env_config that rl_games' adapter keeps for itself
ADAPTER_KEYS = ("env_name", "env_type", "has_lives", "use_dict_obs_space", "flatten_obs")

#: our simulators with several agents, of which one environment is cheap to make
AGENTS = {module.NAME: module for module in (vmas, mamujoco, game)}

#: the name under which Isaac Lab's scripts make their environment known to rl_games
ISAAC_LAB = "rlgpu"
#: ``num_actors`` in its YAMLs: its scripts put their --num_envs there
FROM_ISAAC_LAB = -1


def check(config: Mapping[str, Any]) -> None:
    """Whether rl_games can make the environments of ``params.config``.

    Raises:
        ConfigError: an unknown simulator, task or option, or a package that is not installed.
    """
    refuse_isaac_lab(config)
    name = config["env_name"]
    if name not in env_configurations.configurations:
        raise ConfigError(
            f"params.config.env_name: rl_games knows no environment {name!r}"
            f"{nearest(str(name), env_configurations.configurations)}"
        )
    if name == "envpool":
        envpool_spec(config)
    elif name in SIMULATORS and SIMULATORS[name].ENTRY.is_ours():
        SIMULATORS[name].check(config)


def is_isaac_lab(config: Mapping[str, Any]) -> bool:
    """Whether the environments are Isaac Lab's, which its own scripts make and nobody else."""
    return config.get("env_name") == ISAAC_LAB


def isaac_lab_words(config: Mapping[str, Any]) -> str:
    """What Isaac Lab's train.py and play.py take to find a configuration."""
    shipped = task_and_key(str(config.get("name")))
    if shipped is None:
        return "the --task and --agent under which you register this file"
    return f"--task {shipped[0]} --agent {shipped[1]}"


def refuse_isaac_lab(config: Mapping[str, Any]) -> None:
    """Isaac Lab's tasks are trained and played by its own scripts.

    Raises:
        ConfigError: the configuration is for them.
    """
    if is_isaac_lab(config):
        raise ConfigError(
            f"params.config.env_name: {ISAAC_LAB} is made by Isaac Lab's own scripts only; use its "
            f"train.py or play.py with {isaac_lab_words(config)} (see docs/isaaclab.md)."
        )


def task_of(config: Mapping[str, Any]) -> str:
    """The task's name for people."""
    shipped = task_and_key(str(config.get("name"))) if is_isaac_lab(config) else None
    if shipped:
        return shipped[0]
    options = config.get("env_config") or {}
    if config.get("env_name") == mamujoco.NAME:
        default = mamujoco.MamujocoConfig
        robot = options.get("scenario", default.scenario)
        return f"{robot}-{options.get('agent_conf', default.agent_conf)}"
    names = (options.get(key) for key in ("env_name", "name", "scenario"))
    return str(next(filter(None, names), config.get("env_name")))


def envpool_spec(config: Mapping[str, Any]) -> Any:
    """envpool's description of a task, made without a simulator."""
    if importlib.util.find_spec("envpool") is None:
        raise ConfigError(
            "params.config.env_name: envpool is not installed; pip install 'rlg_genpo[envpool]'."
        )
    import envpool

    options = dict(config.get("env_config") or {})
    task = options.get("env_name")
    known = envpool.list_all_envs()
    if task not in known:
        raise ConfigError(
            f"params.config.env_config.env_name: envpool has no task {task!r}"
            f"{nearest(str(task), known)}"
        )
    fields = envpool.make_spec(task).config._fields
    for key in options:
        if key not in fields and key not in ADAPTER_KEYS:
            raise ConfigError(
                f"params.config.env_config.{key}: unknown option of {task}{nearest(key, fields)} "
                f"Known: {', '.join(fields)}."
            )
    return envpool.make_spec(task, **{k: v for k, v in options.items() if k in fields})


def agents_of(config: Mapping[str, Any]) -> int:
    """Rows that an environment gives rl_games at a time: its agents, where they come natively."""
    if config["env_name"] in AGENTS:
        return AGENTS[config["env_name"]].layout(config).env_info()["agents"]
    return 1


def spaces_of(config: Mapping[str, Any]) -> tuple[spaces.Space, spaces.Space] | None:
    """Observation and action space of a row; None where they are not known without a simulator."""
    if config["env_name"] == multigoal.NAME:
        return multigoal.OBSERVATION_SPACE, multigoal.ACTION_SPACE
    if config["env_name"] in AGENTS:
        info = AGENTS[config["env_name"]].layout(config).env_info()
        return info["observation_space"], info["action_space"]
    if config["env_name"] != "envpool":
        return None
    spec = envpool_spec(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bounds lose precision in float32
        observation, action = spec.gymnasium_observation_space, spec.gymnasium_action_space
        if (config.get("env_config") or {}).get("flatten_obs"):
            observation = spaces.flatten_space(observation)
    return observation, action


def info_of(config: Mapping[str, Any], joint: bool) -> dict[str, Any] | None:
    """What rl_games would know of the environments; None where only a simulator can tell.

    Args:
        joint: whether the policy takes all agents of an environment together.
    """
    if joint and config["env_name"] in AGENTS:
        return replace(AGENTS[config["env_name"]].layout(config), joint=True).env_info()
    spaces = spaces_of(config)
    return spaces and {"observation_space": spaces[0], "action_space": spaces[1]}
