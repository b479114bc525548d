"""``rlg-genpo check``: everything that training would trip over, without training."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from rlg_genpo.cli import configs, machine, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.cli.listing import policy_name
from rlg_genpo.cli.rollouts import quiet
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.common.model import build_model
from rlg_genpo.envs import simulator_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import keys

UNKNOWN_SIZE = "not built: its size is known from the simulator only"


def check(word: str, overrides: Sequence[str]) -> list[str]:
    """A summary of a configuration that works."""
    params = configs.load(configs.find(word))
    configs.override(params, overrides)
    validation.check_shape(params)
    if simulator_of(params["config"]).host is not None:
        return check_for_host(params)
    machine.set_device(params["config"], "auto")
    threads = machine.set_threads(params)
    settings = validation.check(params)
    config = params["config"]
    lines = {
        "policy": policy(params, settings),
        "task": f"{simulator_of(config).task(config)} ({config['env_name']})",
        **network_facts(params, settings),
        "batch": batch(params),
        "schedule": schedule(config),
        "device": config["device"],
    }
    return [*aligned(lines), threads]


def check_for_host(params: Params) -> list[str]:
    """The summary of a configuration whose environments are made by another program."""
    settings = validation.check_settings(params)
    config = params["config"]
    simulator = simulator_of(config)
    return aligned(
        {
            "policy": policy(params, settings),
            "task": f"{simulator.task(config)} ({simulator.host})",
            "network": UNKNOWN_SIZE,
            "batch": batch(params),
            "schedule": schedule(config),
            "device": config["device"],
            "train it": f"{simulator.host}'s train.py with {simulator.words(config)}",
        }
    )


def policy(params: Params, settings: PolicyConfig | None) -> str:
    """The policy's name, and a summary of its settings."""
    name = policy_name(params["algo"]["name"])
    return name if settings is None else f"{name}: {settings.summary()}"


def aligned(lines: dict[str, Any]) -> list[str]:
    return [f"{key + ':':12} {value}" for key, value in lines.items()]


def network_facts(params: Params, settings: PolicyConfig | None) -> dict[str, str]:
    """Widths and size of the network on the task's spaces."""
    config = params["config"]
    simulator = simulator_of(config)
    algorithm = validation.algorithm_of(params)
    layout = None
    if algorithm is not None and algorithm.joins_agents:
        layout = simulator.layout(config)
    if layout is not None:
        info = replace(layout, joint=True).env_info()
    else:
        spaces = simulator.spaces(config)
        if spaces is None:
            return {"network": UNKNOWN_SIZE}
        info = {"observation_space": spaces[0], "action_space": spaces[1]}
    if settings is not None:
        settings = settings.resolve(info, None)
    observation, action = info["observation_space"], info["action_space"]
    if action.shape is None or len(action.shape) != 1:
        raise ConfigError(
            f"params.config.env_config.env_name: {simulator.task(params['config'])} has the "
            f"action space {action}; a continuous vector is needed."
        )
    try:
        with quiet():
            model = build_model(params, settings, shape_of(observation), action.shape[0])
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"params.network: rl_games cannot build this network ({type(error).__name__}: {error})."
        ) from error
    stored = model.policy.stored_dim if hasattr(model, "policy") else action.shape[0]
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {
        "observation": str(shape_of(observation)),
        "action": f"{stored} stored, {action.shape[0]} executed",
        "parameters": str(count),
    }


def shape_of(space: Any) -> Any:
    """A space's shape, or its parts' shapes by name."""
    if hasattr(space, "spaces"):
        return {name: part.shape for name, part in space.spaces.items()}
    return space.shape


def batch(params: Params) -> str:
    """What an epoch collects, and the pieces that it is trained in."""
    config = params["config"]
    actors, horizon = config["num_actors"], config["horizon_length"]
    if validation.leaves_envs_open(config):
        return (
            f"num_envs * {horizon} steps; minibatches of {open_minibatches(config)}, "
            f"{config['mini_epochs']} mini-epochs"
        )
    size, agents = keys.minibatch_size(config), validation.rows_per_env(params)
    each = f" * {agents} agents" if agents > 1 else ""
    return (
        f"{actors} envs * {horizon} steps{each} = {validation.rows_per_epoch(params)}; "
        f"minibatches of {size}, {config['mini_epochs']} mini-epochs"
    )


def open_minibatches(config: dict[str, Any]) -> str:
    """Their size; where it is fixed, --num_envs cannot be anything."""
    size = config.get("minibatch_size")
    if size is None:
        return f"num_envs * {config.get('minibatch_size_per_env')}"
    unit = size // math.gcd(size, config["horizon_length"])
    return str(size) if unit == 1 else f"{size}: --num_envs must be a multiple of {unit}"


def schedule(config: dict[str, Any]) -> str:
    rate = f"learning rate {config['learning_rate']}, {config['lr_schedule']}"
    if validation.leaves_envs_open(config):
        return f"{rate}; {config['max_epochs']} epochs"
    frames = validation.planned_frames(config)
    return f"{rate}; " + ("no end" if frames is None else f"{tqdm.format_sizeof(frames)} frames")
