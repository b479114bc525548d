"""What an agent and a player check of the YAML before rl_games reads it."""

import logging
import os
from typing import Any

import torch
from rl_games.algos_torch.model_builder import NetworkBuilder

from rlg_genpo.common.device import pick_device
from rlg_genpo.common.schema import unknown
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import compat

logger = logging.getLogger(__name__)

#: up to this many cores, torch's threads cost more than they bring to layers this small
FEW_CORES = 4


def suit_a_cpu(params: dict[str, Any]) -> None:
    """What rl_games leaves open and a CPU run suffers from; a YAML's own settings stand.

    Compiling costs a short run more than it saves; rl_games' up to four torch threads wait for the
    simulator's on a small machine.
    """
    params["config"].setdefault("torch_compile", False)
    if "torch_threads" not in params and (os.cpu_count() or 1) <= FEW_CORES:
        torch.set_num_threads(1)
        logger.info("params.torch_threads: not given; one thread on this small CPU.")


def admit(params: dict[str, Any]) -> None:
    """Choose the device where none is given, and refuse a network that rl_games does not know.

    Raises:
        ConfigError: naming the key, the value and the way out.
    """
    pick_device(params["config"], torch.cuda.is_available())
    if str(params["config"]["device"]) == "cpu":
        suit_a_cpu(params)
    if params["config"].get("schedule_type") == "per_minibatch" and not compat.renames_legacy():
        raise ConfigError(
            "params.config.schedule_type: per_minibatch is a word of rl_games 2.0; this version "
            "calls it legacy."
        )
    name = params["network"]["name"]
    known = NetworkBuilder().network_factory._builders
    if name not in known:
        raise ConfigError(f"params.network.name: {name!r}: {unknown(name, known, 'name')}")


def warn_of_compiling(params: dict[str, Any]) -> None:
    """Say so where ``torch_compile`` is asked for and rl_games would ignore it."""
    if params["config"].get("torch_compile") and not compat.compiles():
        logger.warning(
            "params.config.torch_compile: ignored, this rl_games does not compile; 1.6.5 does."
        )
