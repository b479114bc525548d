"""A trained Gaussian of rl_games' turned into a flow policy that starts as it.

Trunk, value, normalisers, mu and sigma are the Gaussian's; the flow and, for conditional PPO, the
residual are new and start at zero. Ours: no paper's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from rlg_genpo.common import checkpoints
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.common.model import build_model
from rlg_genpo.errors import CheckpointError
from rlg_genpo.host import compat

#: where rl_games' continuous network keeps its Gaussian
MU, SIGMA = "a2c_network.mu.", "a2c_network.sigma"
NETWORK, TRUNK, BASE = "a2c_network.", "a2c_network.trunk.", "a2c_network.policy.base."
#: what a flow policy may have that no Gaussian has
NEW = "a2c_network.policy."
#: of a checkpoint of rl_games', what goes on as it was
KEPT = ("assymetric_vf_nets", compat.CENTRAL_OPTIMIZER, "env_state", "scaler")


def convert(
    weights: Mapping[str, Any], params: Mapping[str, Any], name: str, settings: PolicyConfig
) -> dict[str, Any]:
    """The checkpoint of a policy that acts as a Gaussian's does, for ``params`` of its new YAML.

    Args:
        weights: a training checkpoint of rl_games' continuous PPO.
        name: of the new policy.
        settings: its part of ``params``, parsed.

    Raises:
        CheckpointError: it is none, or something of it has no place in the new policy.
    """
    departs = settings.departs()
    if departs is not None:
        raise CheckpointError(f"{departs}: such a policy does not start as a Gaussian.")
    old = without_prefix(weights["model"])
    if MU + "weight" not in old:
        raise CheckpointError(
            "The checkpoint holds no Gaussian of rl_games' continuous PPO: it has no "
            f"{MU}weight. Only such a policy can be turned into another."
        )
    actions = len(old[MU + "weight"])
    values = len(old["a2c_network.value.weight"])
    model = build_model(params, settings, input_shape(old, params["network"]), actions, values)
    fill(model, {renamed(key): value for key, value in old.items()})
    optimizer = moments(weights["optimizer"], old, model)
    ours = checkpoints.of_new(name, settings, model, params["config"])
    if params["config"]["lr_schedule"] == "adaptive":
        ours["last_lr"] = optimizer["param_groups"][0]["lr"]  # which has found its level
    return {
        **{key: weights[key] for key in KEPT if key in weights},
        "model": model.state_dict(),
        "optimizer": optimizer,
        "epoch": 0,
        "frame": 0,
        "last_mean_rewards": -1e9,
        checkpoints.KEY: ours,
    }


def without_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A model's tensors by their names before ``torch.compile``."""
    return {name.removeprefix(compat.COMPILED): value for name, value in state.items()}


def renamed(key: str) -> str:
    """Where a tensor of the Gaussian's stands in a flow policy's model."""
    if key.startswith((MU, SIGMA)):
        return BASE + key.removeprefix(NETWORK)
    return TRUNK + key.removeprefix(NETWORK) if key.startswith(NETWORK) else key


def input_shape(state: Mapping[str, Tensor], network: Mapping[str, Any]) -> tuple[int, ...]:
    """Of an observation, by the normaliser, else by the first layer.

    Raises:
        CheckpointError: neither says it.
    """
    mean = state.get("running_mean_std.running_mean")
    if mean is not None:
        return tuple(mean.shape)
    if "cnn" not in network:
        firsts = ["actor_mlp.0.weight", "rnn.rnn.weight_ih_l0", "a_rnn.rnn.weight_ih_l0"]
        if network.get("rnn", {}).get("before_mlp"):
            firsts.reverse()
        for first in firsts:
            weight = state.get(NETWORK + first)
            if weight is not None:
                return (weight.shape[1],)
    raise CheckpointError(
        "The checkpoint does not tell the observation's shape: it has no running_mean_std (with "
        "params.config.normalize_input: True), nor a first layer that is plain."
    )


def fill(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load the Gaussian's tensors; whatever they lack must be the flow's.

    Raises:
        CheckpointError: a tensor has no place, another shape, or is missing.
    """
    here = model.state_dict()
    for name, value in state.items():
        if name not in here:
            raise CheckpointError(f"The Gaussian's {name} has no place in the new policy.")
        if here[name].shape != value.shape:
            raise CheckpointError(
                f"The Gaussian's {name} has shape {tuple(value.shape)}, the new policy's "
                f"{tuple(here[name].shape)}. Check params.network against the Gaussian's YAML."
            )
    for name in here.keys() - state.keys():
        if not name.startswith(NEW) or name.startswith(BASE):
            raise CheckpointError(
                f"The checkpoint lacks {name}. Check params.network and normalize_input, "
                "normalize_value against the Gaussian's YAML."
            )
    model.load_state_dict({**here, **state})


def moments(optimizer: Mapping[str, Any], old: Iterable[str], model: nn.Module) -> dict[str, Any]:
    """Adam's state of the tensors that stay; the new ones have none yet."""
    trained = [name for name in old if name.startswith(NETWORK)]
    place = {renamed(name): index for index, name in enumerate(trained)}
    names = [name for name, _ in model.named_parameters()]
    (group,) = optimizer["param_groups"]
    states = optimizer["state"] if len(group["params"]) == len(trained) else {}
    state = {
        index: states[place[name]]
        for index, name in enumerate(names)
        if name in place and place[name] in states
    }
    return {"state": state, "param_groups": [{**group, "params": list(range(len(names)))}]}
