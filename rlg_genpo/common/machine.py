"""The device and torch's threads where a YAML leaves them open, and what rl_games would not refuse.

Agents and players decide by :func:`admit` before rl_games reads the YAML; the command line decides
earlier, with its own wish for a device.
"""

import logging
import os
from collections.abc import Mapping
from typing import Any

import torch
from rl_games.algos_torch.model_builder import NetworkBuilder

from rlg_genpo.common.schema import meant, unknown
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import compat

logger = logging.getLogger(__name__)

#: up to this many cores, torch's threads cost more than they bring to layers this small
FEW_CORES = 4
#: rl_games' own choice on any machine with as many cores
MOST_THREADS = 4


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_device(config: dict[str, Any], wish: str | None = None) -> str:
    """Set ``device`` and ``device_name``, which rl_games reads apart; returns the device.

    Args:
        config: ``params.config``, changed in place; rl_games would assume cuda:0 for a missing key.
        wish: None to fill in missing keys alone. Or the user's: cpu, cuda, or auto for what the
            configuration says if that is there, else CUDA, else the CPU.

    Raises:
        ConfigError: CUDA is asked for and torch sees none.
    """
    cuda = torch.cuda.is_available()
    default = "cuda:0" if cuda else "cpu"
    if wish is not None:
        device = str(config.get("device", config.get("device_name", default)))
        if wish == "cpu" or (wish == "auto" and not cuda):
            device = "cpu"
        elif wish == "cuda" and not device.startswith("cuda"):
            device = "cuda:0"
        config["device"] = config["device_name"] = device
    for key in ("device", "device_name"):
        config.setdefault(key, default)
        if str(config[key]).startswith("cuda") and not cuda:
            raise ConfigError(
                f"params.config.{key}: {config[key]}, but torch sees no CUDA device; use cpu for "
                "config.device and config.device_name, or --device cpu."
            )
    if config["device"] == "cpu":
        # Compiling costs 20 to 60 seconds, more than it saves in most runs on a CPU.
        config.setdefault("torch_compile", False)
    return config["device"]


def set_threads(params: dict[str, Any]) -> bool:
    """Set torch's threads; returns whether the YAML left that open.

    rl_games would take ``min(4, cores)``. On a small machine they wait for the simulator's.
    """
    if "torch_threads" in params:
        return False
    available = cores()
    params["torch_threads"] = (
        1 if available <= FEW_CORES else min(MOST_THREADS, available // MOST_THREADS)
    )
    torch.set_num_threads(params["torch_threads"])
    return True


def admit(params: dict[str, Any]) -> None:
    """Choose the device where none is given; refuse names that this rl_games does not know."""
    on_cpu = set_device(params["config"]) == "cpu"
    if on_cpu and "torch_threads" not in params and cores() <= FEW_CORES:
        torch.set_num_threads(1)
        logger.info("params.torch_threads: not given; one thread on this small CPU.")
    refuse_of_version(params["config"])
    refuse_networks(params)


def refuse_of_version(config: Mapping[str, Any]) -> None:
    """Refuse what the rl_games that is installed does not know, or fails on."""
    if config.get("schedule_type") == "per_minibatch" and not compat.renames_legacy():
        raise ConfigError(
            "params.config.schedule_type: per_minibatch is a word of rl_games 2.0; this version "
            "calls it legacy."
        )
    if config.get("normalize_rms_advantage") and not compat.averages_advantages():
        raise ConfigError(
            "params.config.normalize_rms_advantage: True, which this version of rl_games fails on; "
            "use normalize_advantage alone."
        )


def refuse_networks(params: Mapping[str, Any]) -> None:
    """Refuse a network's name, the policy's or the central critic's, that nobody registered."""
    known = NetworkBuilder().network_factory._builders
    central = params["config"].get("central_value_config") or {}
    blocks = {
        "network": params["network"],
        "config.central_value_config.network": central.get("network"),
    }
    for path, block in blocks.items():
        if not isinstance(block, Mapping):
            continue
        name = block.get("name")
        if not isinstance(name, str) or name not in known:
            said = f"missing.{meant('name', block)}" if name is None else f"{name!r}:"
            raise ConfigError(f"params.{path}.name: {said} {unknown(str(name), known, 'name')}")


def warn_of_compiling(params: dict[str, Any]) -> None:
    """Say so where ``torch_compile`` is asked for and rl_games would ignore it."""
    if params["config"].get("torch_compile") and not compat.compiles():
        logger.warning(
            "params.config.torch_compile: ignored, this rl_games does not compile; 1.6.5 does."
        )
