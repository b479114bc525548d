"""``rlg-genpo list`` and ``rlg-genpo check``: what configurations say, without training."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from rlg_genpo.cli import configs, machine, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.cli.rollouts import quiet
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.common.model import build_model
from rlg_genpo.envs import simulator_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import keys
from rlg_genpo.isaaclab.tasks import Shipped

HEADINGS = ("name", "policy", "task", "envs", "frames")
ISAAC_LAB_HEADINGS = ("name", "policy", "--task", "--agent", "epochs")
ISAAC_LAB_TITLE = "For Isaac Lab's own commands (see docs/isaaclab.md):"
UNKNOWN_SIZE = "not built: its size is known from the simulator only"


def table() -> list[str]:
    """One line per shipped configuration: those that train here, then those for Isaac Lab."""
    here = columns([HEADINGS, *map(row, configs.shipped())])
    there = columns([ISAAC_LAB_HEADINGS, *map(row, configs.for_isaac_lab())])
    return [*here, "", ISAAC_LAB_TITLE, *there]


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as text, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows]


def row(name: str) -> tuple[str, ...]:
    """A configuration's cells; those for Isaac Lab have headings of their own."""
    params = configs.load(configs.find(name))
    config, policy = params["config"], policy_name(params)
    simulator = simulator_of(config)
    if simulator.host is not None:
        shipped = Shipped.named(config["name"])
        task, key = ("", "") if shipped is None else (shipped.task, shipped.key)
        return name, policy, task, key, str(config["max_epochs"])
    frames = validation.planned_frames(config)
    total = "unlimited" if frames is None else tqdm.format_sizeof(frames)
    return name, policy, simulator.task(config), str(config["num_actors"]), total


def policy_name(params: Params) -> str:
    algorithm = params["algo"]["name"]
    return "gaussian" if algorithm == validation.GAUSSIAN else algorithm


def check(word: str, overrides: Sequence[str]) -> list[str]:
    """A summary of a configuration that works: here, or where another program trains it."""
    params = configs.load(configs.find(word))
    configs.override(params, overrides)
    validation.check_shape(params)
    config = params["config"]
    simulator = simulator_of(config)
    if simulator.host is None:
        machine.set_device(config, "auto")
        last = machine.set_threads(params)
        settings = validation.check(params)
        network = network_facts(params, settings)
    else:
        settings = validation.check_settings(params)
        network = {"network": UNKNOWN_SIZE}
        last = f"train it:    {simulator.command(config)}"
    lines = {
        "policy": policy_name(params) + (f": {settings.summary()}" if settings else ""),
        "task": f"{simulator.task(config)} ({simulator.host or config['env_name']})",
        **network,
        "batch": batch(params),
        "schedule": schedule(config),
        "device": config["device"],
    }
    return [*(f"{key + ':':12} {value}" for key, value in lines.items()), last]


def network_facts(params: Params, settings: PolicyConfig | None) -> dict[str, str]:
    """Widths and size of the network on the task's spaces."""
    config = params["config"]
    simulator = simulator_of(config)
    algorithm = validation.algorithm_of(params)
    joins = algorithm is not None and algorithm.joins_agents
    layout = simulator.layout(config) if joins else None
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
            f"params.config.env_config.env_name: {simulator.task(config)} has the "
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
        rows, size = f"num_envs * {horizon} steps", open_minibatches(config)
    else:
        size, agents = keys.minibatch_size(config), validation.rows_per_env(params)
        each = f" * {agents} agents" if agents > 1 else ""
        rows = f"{actors} envs * {horizon} steps{each} = {actors * horizon * agents}"
    return f"{rows}; minibatches of {size}, {config['mini_epochs']} mini-epochs"


def open_minibatches(config: dict[str, Any]) -> str:
    """Their size; where it is fixed, --num_envs cannot be anything."""
    if "minibatch_size" not in config:
        return f"num_envs * {config['minibatch_size_per_env']}"
    size = config["minibatch_size"]
    unit = size // math.gcd(size, config["horizon_length"])
    return str(size) if unit == 1 else f"{size}: --num_envs must be a multiple of {unit}"


def schedule(config: dict[str, Any]) -> str:
    rate = f"learning rate {config['learning_rate']}, {config['lr_schedule']}"
    if validation.leaves_envs_open(config):
        return f"{rate}; {config['max_epochs']} epochs"
    frames = validation.planned_frames(config)
    return f"{rate}; " + ("no end" if frames is None else f"{tqdm.format_sizeof(frames)} frames")
