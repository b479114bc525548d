"""What an environment would say of itself, read out of a checkpoint: for Isaac Lab's tasks.

Their simulator is not started for an export.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlg_genpo.common import checkpoints
from rlg_genpo.errors import ConfigError
from rlg_genpo.host.compat import COMPILED, spaces

#: rl_games' MLP, and its d2rl
FIRST_LAYERS = ("actor_mlp.0.weight", "actor_mlp.linears.0.weight")
NORMALISER = "running_mean_std."
MEAN = "running_mean"
#: where a policy made of agents keeps them in its part of a checkpoint
AGENTS = "params.network.agents"
#: tensors with the action's size as their last dimension, by the end of their names: the mean of a
#: Gaussian, and the first layer of a flow that stands on none
ACTION_SIZED = ("mu.bias", ".from_action.weight")


def env_info(params: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """As rl_games asks an environment, of a checkpoint's ``state``.

    Actions reach from -clip to clip, of ``params.env.clip_actions``, as Isaac Lab's wrapper has it.

    Raises:
        ConfigError: the checkpoint does not say the sizes.
    """
    shapes = {k.removeprefix(COMPILED): tuple(v.shape) for k, v in state["model"].items()}
    clip = float(params.get("env", {}).get("clip_actions", math.inf))
    first = FIRST_LAYERS
    if (params["network"].get("rnn") or {}).get("before_mlp"):
        first = (".weight_ih_l0",)
    ours = state.get(checkpoints.KEY, {})
    observation = observation_space(ours.get("observation") or observed(shapes, first))
    info: dict[str, Any] = {"observation_space": observation, "agents": 1}
    agents = ours.get("head", {}).get(AGENTS)
    if agents:
        sizes = [(one["name"], one["obs"], one["act"]) for one in agents]
        info["agent_sizes"] = sizes
        width = sum(act for _, _, act in sizes)
    else:
        width = action_size(shapes)
    info["action_space"] = spaces.Box(-clip, clip, (width,), np.float32)
    return info


def observation_space(shape: Any) -> Any:
    """Without bounds: of a shape, or of each part's by name."""
    if isinstance(shape, Mapping):
        # In their order, which the trunk's first layer was trained on; a plain dict's is sorted.
        return spaces.Dict(OrderedDict((n, observation_space(own)) for n, own in shape.items()))
    return spaces.Box(-np.inf, np.inf, tuple(shape), np.float32)


def observed(shapes: Mapping[str, tuple[int, ...]], first: Sequence[str]) -> Any:
    """The observation's shape from its statistics, or else from the layer that sees it flat.

    Args:
        shapes: of the model's tensors by name.
        first: the end of the names that this layer's weight may have.
    """
    found = {
        name.removeprefix(NORMALISER).removesuffix(MEAN): shape
        for name, shape in shapes.items()
        if name.startswith(NORMALISER) and name.endswith(MEAN)
    }
    if "" in found:
        return found[""]
    if found:
        return {
            name.removeprefix(NORMALISER).removesuffix("."): shape for name, shape in found.items()
        }
    layers = [shape for name, shape in shapes.items() if name.endswith(tuple(first))]
    if not layers or any("cnn" in name for name in shapes):
        raise ConfigError(
            "params.config.normalize_input: False, and without statistics of the observations this "
            "checkpoint does not say their sizes; export where the task's simulator runs."
        )
    return layers[0][1:]


def action_size(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """D."""
    for ending in ACTION_SIZED:
        for name, shape in shapes.items():
            if name.endswith(ending):
                return shape[-1]
    raise ConfigError(
        "the checkpoint does not say the action's size; export where the task's simulator runs."
    )
