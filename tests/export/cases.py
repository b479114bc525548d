"""Every policy and trunk that is exported, as overrides of tests/rig.py, and players of them."""

from typing import Any

import torch

from tests import rig
from tests.ddpl import teams

GAUSSIAN = rig.gaussian(log_sigma=-1)
GRU = {**rig.LSTM, "name": "gru"}
BOUNDS = {"config.env_config.low": [-1.0, 1.0], "config.env_config.high": [1.0, 5.0]}

LONG = {"steps": 20, "sampling_steps": 3, "units": [16], "time_embedding": 4, "time_units": [8]}

CASES: dict[str, dict[str, Any]] = {
    "genpo": {},
    "genpo_standard": rig.STANDARD,
    "genpo_separate": {"network.separate": True},
    "genpo_bounds": BOUNDS,
    "genpo_unclipped": {"config.clip_actions": False, "config.normalize_input": False},
    "genpo_mish": {"network.flow.activation": "mish"},
    "genpo_lstm": {"network.rnn": rig.LSTM},
    "genpo_gru": {"network.rnn": GRU},
    "genpo_lstm_separate": {"network.rnn": rig.LSTM, "network.separate": True},
    "genpo_image": {"network.cnn": rig.CNN, "config.env_config.observation": "image"},
    "genpo_dict": {"config.env_config.observation": "dict"},
    "genpo_dict_image": {"network.cnn": rig.CNN, "config.env_config.observation": "dict_image"},
    "cppo": rig.CPPO,
    "cppo_standard": {**rig.CPPO, **rig.STANDARD},
    "cppo_flow": {**rig.CPPO, "algo.deployment": "flow"},
    "cppo_flow_ema": {**rig.CPPO, "algo.deployment": "flow_ema"},
    "cppo_gru": {**rig.CPPO, **rig.ON_FEATURES, "network.rnn": GRU},
    "ddpl": {**teams.overrides(), "config.env_config.high": [2.0, 3.0]},
    # whose first steps enlarge every rounding
    "ddpl_long": {**teams.overrides(), "network.diffusion": LONG},
    "gaussian": GAUSSIAN,
    "gaussian_lstm": {**GAUSSIAN, "network.rnn": rig.LSTM},
}


def player_of(made: rig.Rig, overrides: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A player whose policy is away from its start, and its ``params``."""
    params = made.settings(overrides)["params"]
    player: Any = made.player(overrides)
    with torch.no_grad():
        for parameter in player.model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        for name, buffer in player.model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape))
            elif name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape) + 0.5)
    return player, params


def observed(player: Any, rows: int) -> Any:
    """Random observations of the space, (rows, ...), beyond where they are clamped."""
    space = player.observation_space
    if hasattr(space, "spaces"):
        return {name: of_box(box, rows) for name, box in space.spaces.items()}
    return of_box(space, rows)


def of_box(box: Any, rows: int) -> torch.Tensor:
    if box.dtype == "uint8":
        return torch.randint(0, 256, (rows, *box.shape), dtype=torch.uint8)
    return 3 * torch.randn(rows, *box.shape)


def started(player: Any, obs: Any) -> Any:
    """A player about to act on a batch like ``obs``, with states that are not zero."""
    player.get_batch_size(obs, 1)
    player.reset()
    if player.states:
        player.states = [torch.randn_like(state).tanh() for state in player.states]
    return player


def inputs_of(policy: Any, obs: Any, states: Any) -> list[torch.Tensor]:
    """What a file is given, but for its noise."""
    seen = list(obs.values()) if isinstance(obs, dict) else [obs[..., policy.part.observed]]
    return [*seen, *(states or ())[: len(policy.module.states)]]
