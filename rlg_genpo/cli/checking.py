"""``rlg-genpo list`` and ``rlg-genpo check``: what configurations say, without training."""

import logging
import math
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from rlg_genpo.cli import configs, machine, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.cli.validation import Built
from rlg_genpo.envs import simulator_of
from rlg_genpo.host import batch as host_batch
from rlg_genpo.isaaclab.tasks import Shipped

logger = logging.getLogger(__name__)

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
        found = validation.built(params)
    else:
        found = validation.Built(validation.check_settings(params))
        warn_of_words(word, simulator.host, ours=found.settings is not None)
        last = f"train it:    {simulator.command(config)}"
    settings = found.settings
    lines = {
        "policy": policy_name(params) + (f": {settings.summary()}" if settings else ""),
        "task": f"{simulator.task(config)} ({simulator.host or config['env_name']})",
        **network_facts(found),
        "batch": batch(params),
        "schedule": schedule(config),
        "device": config["device"],
    }
    return [*(f"{key + ':':12} {value}" for key, value in lines.items()), last]


def warn_of_words(word: str, host: str, ours: bool) -> None:
    """Numbers in a file that are text to the plain YAML reader of the program that trains it.

    Our agents make numbers of those in rl_games' blocks; rl_games itself of the rate alone.
    """
    for path, written in configs.words_elsewhere(configs.find(word)):
        if path[-1] == "learning_rate" or (ours and path[1] in ("algo", "config", "network")):
            continue
        mantissa, exponent = written.lower().split("e")
        point, sign = ("" if "." in mantissa else ".0"), ("" if exponent[0] in "+-" else "+")
        logger.warning(
            "%s: %s is a number here and a word to %s; write %s.",
            ".".join(map(str, path)),
            written,
            host,
            f"{mantissa}{point}e{sign}{exponent}",
        )


def network_facts(found: Built) -> dict[str, str]:
    """Widths and size of the network on the task's spaces."""
    if found.model is None:
        return {"network": UNKNOWN_SIZE}
    executed = found.action.shape[0]
    stored = found.model.policy.stored_dim if hasattr(found.model, "policy") else executed
    count = sum(p.numel() for p in found.model.parameters() if p.requires_grad)
    return {
        "observation": str(validation.shape_of(found.observation)),
        "action": f"{stored} stored, {executed} executed",
        "parameters": str(count),
    }


def batch(params: Params) -> str:
    """What an epoch collects, and the pieces that it is trained in."""
    config = params["config"]
    actors, horizon = config["num_actors"], config["horizon_length"]
    if validation.leaves_envs_open(config):
        rows, size = f"num_envs * {horizon} steps", open_minibatches(config)
    else:
        size, agents = host_batch.minibatch_size(config), validation.rows_per_env(params)
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
