"""What an agent and a player check of the YAML before rl_games reads it."""

from typing import Any

import torch
from rl_games.algos_torch.model_builder import NetworkBuilder

from rlg_genpo.blocks import unknown
from rlg_genpo.config import pick_device
from rlg_genpo.errors import ConfigError


def admit(params: dict[str, Any]) -> None:
    """Choose the device where none is given, and refuse a network that rl_games does not know.

    Raises:
        ConfigError: naming the key, the value and the way out.
    """
    pick_device(params["config"], torch.cuda.is_available())
    name = params["network"]["name"]
    known = NetworkBuilder().network_factory._builders
    if name not in known:
        raise ConfigError(f"params.network.name: {name!r}: {unknown(name, known, 'name')}")
