"""``rlg-genpo check``: everything that training would trip over, without training."""

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from rl_games.algos_torch.model_builder import ModelBuilder
from tqdm import tqdm

from rlg_genpo.cli import configs, machine, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.cli.listing import policy_name
from rlg_genpo.cli.rollouts import quiet
from rlg_genpo.ddpl import hosts
from rlg_genpo.envs import simulator_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import keys

UNKNOWN_SIZE = "not built: its size is known from the simulator only"


def check(word: str, overrides: Sequence[str]) -> list[str]:
    """A summary of a configuration that works.

    Raises:
        ConfigError: it does not.
    """
    params = configs.load(configs.find(word))
    configs.override(params, overrides)
    validation.check_shape(params)
    if simulator_of(params["config"]).host is not None:
        return check_for_host(params)
    machine.set_device(params["config"], "auto")
    threads = machine.set_threads(params)
    validation.check(params)
    config = params["config"]
    lines = {
        "policy": policy(params),
        "task": f"{simulator_of(config).task(config)} ({config['env_name']})",
        **network_facts(params),
        "batch": batch(params),
        "schedule": schedule(config),
        "device": config["device"],
    }
    return [*aligned(lines), threads]


def check_for_host(params: Params) -> list[str]:
    """The summary of a configuration whose environments, device and threads are another program's.

    Raises:
        ConfigError: it would not work there either.
    """
    validation.check_settings(params)
    config = params["config"]
    simulator = simulator_of(config)
    return aligned(
        {
            "policy": policy(params),
            "task": f"{simulator.task(config)} ({simulator.host})",
            "network": UNKNOWN_SIZE,
            "batch": batch(params),
            "schedule": schedule(config),
            "device": config["device"],
            "train it": f"{simulator.host}'s train.py with {simulator.words(config)}",
        }
    )


def policy(params: Params) -> str:
    """The policy's name, and the flow that it will have."""
    name = policy_name(params["algo"]["name"])
    if params["algo"]["name"] not in validation.SETTINGS:
        return name
    return f"{name}: {validation.SETTINGS[params['algo']['name']].from_params(params).summary()}"


def aligned(lines: dict[str, Any]) -> list[str]:
    return [f"{key + ':':12} {value}" for key, value in lines.items()]


def network_facts(params: Params) -> dict[str, str]:
    """Widths and size of the network on the task's spaces."""
    simulator = simulator_of(params["config"])
    spaces = simulator.spaces(params["config"])
    if spaces is None:
        return {"network": UNKNOWN_SIZE}
    if params["algo"]["name"] == "ddpl":
        params, spaces = joined(params, spaces)
    observation, action = spaces
    if action.shape is None or len(action.shape) != 1:
        raise ConfigError(
            f"params.config.env_config.env_name: {simulator.task(params['config'])} has the "
            f"action space {action}; a continuous vector is needed."
        )
    try:
        model = build(params, observation, action)
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


def joined(params: Params, spaces: Any) -> tuple[Params, Any]:
    """A configuration whose agents are named, and the flat spaces of all of them.

    Raises:
        ConfigError: as the agent would, of ``params.network.agents``.
    """
    config = params["config"]
    info = {"observation_space": spaces[0], "action_space": spaces[1]}
    layout = simulator_of(config).layout(config)
    if layout is not None:
        info = replace(layout, joint=True).env_info()
    params = deepcopy({**params, "config": {**config, "env_info": info}})
    hosts.name_agents(params)
    return params, (info["observation_space"], info["action_space"])


def build(params: Params, observation: Any, action: Any) -> Any:
    """The network as rl_games' agent builds it."""
    config = params["config"]
    shape = shape_of(observation)
    with quiet():
        return (
            ModelBuilder()
            .load(params)
            .build(
                {
                    "actions_num": action.shape[0],
                    "input_shape": shape,
                    "num_seqs": config["num_actors"],
                    "value_size": 1,
                    "normalize_value": config.get("normalize_value", False),
                    "normalize_input": config["normalize_input"],
                }
            )
        )


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
