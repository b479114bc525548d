"""What our checkpoints say about themselves, and the check before one is loaded."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from rlg_genpo.common import finite
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.errors import CheckpointError
from rlg_genpo.host import compat
from rlg_genpo.version import __version__

KEY = "rlg_genpo"
#: what our part of every checkpoint holds
PARTS = {"format", "version", "policy", "head", "shapes", "learning_rate", "last_lr"}
#: raised when a checkpoint of before can no longer be read
FORMAT = 1


def of_new(
    name: str, settings: PolicyConfig, model: nn.Module, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Our part of a checkpoint of a policy that no agent has trained yet."""
    rate = float(config["learning_rate"])
    return {
        "format": FORMAT,
        "version": __version__,
        "policy": name,
        "head": settings.fingerprint(),  # its name in files
        "shapes": shapes_of(model),
        "learning_rate": rate,
        "last_lr": rate,
        "entropy_coef": config["entropy_coef"],
        "state": {},
    }


def describe(agent: Any) -> dict[str, Any]:
    """Our part of a checkpoint: the policy, and what rl_games' resume forgets."""
    return {
        **of_new(agent.algorithm_name, agent.settings, agent.model, agent.config),
        # for an export where the simulator does not run; checkpoints of before lack it
        "observation": agent.obs_shape,
        "last_lr": agent.last_lr,
        "entropy_coef": agent.entropy_coef,
        "state": agent.extra_state(),
    }


def resume(agent: Any, extras: Mapping[str, Any]) -> None:
    """Continue with the scheduled rate and coefficient at which the checkpoint was written.

    Unless the YAML's own rate or its bounds were changed since: then the user wants otherwise.
    """
    start = float(agent.config["learning_rate"])
    rate = extras["last_lr"] if start == extras["learning_rate"] else start
    agent.last_lr = agent.bounded_rate(rate)
    if agent.config.get("schedule_entropy", False):
        agent.entropy_coef = extras["entropy_coef"]
    for group in agent.optimizer.param_groups:
        group["lr"] = agent.last_lr
    if extras.get("state"):  # empty before the first update
        agent.load_extra_state(extras["state"])


def check(
    weights: Mapping[str, Any], policy: str, settings: PolicyConfig, model: nn.Module
) -> Mapping[str, Any]:
    """Whether a checkpoint fits; returns our part of it.

    Raises:
        CheckpointError: another policy, format or size; says what differs and the way out.
    """
    extras = check_settings(weights, policy, settings)
    there, here = extras["shapes"], shapes_of(model)
    differing = sorted(
        name for name in there.keys() | here.keys() if there.get(name) != here.get(name)
    )
    if differing:
        name = differing[0]
        raise CheckpointError(
            f"The checkpoint's network differs in {len(differing)} tensors, first {name}: "
            f"{there.get(name, 'absent')} there, {here.get(name, 'absent')} here. Check "
            "params.network and the task against the YAML that it was trained with."
        )
    changing = {name.removeprefix(compat.COMPILED) for name in finite.changing(model)}
    held = {name.removeprefix(compat.COMPILED): value for name, value in weights["model"].items()}
    poisoned = finite.not_finite({name: held[name] for name in changing})
    if poisoned:
        raise CheckpointError(
            f"The checkpoint's {poisoned} is not finite: it was saved by a version that did not "
            "look. Use an earlier checkpoint."
        )
    return extras


def check_settings(
    weights: Mapping[str, Any], policy: str, settings: PolicyConfig
) -> Mapping[str, Any]:
    """The same, as far as it is known without the model."""
    extras = check_policy(weights, policy)
    if extras["format"] != FORMAT:
        raise CheckpointError(
            f"The checkpoint was written by rlg_genpo {extras['version']} in format "
            f"{extras['format']}; this is {__version__}, format {FORMAT}. Install that version."
        )
    trained = {**settings.formerly, **extras["head"]}
    for key, value in settings.fingerprint().items():
        if trained.get(key) != value:
            raise CheckpointError(
                f"{key}: the checkpoint's policy was trained with {trained.get(key)}, the YAML "
                f"says {value}. Set it back, or train anew."
            )
    return extras


def check_policy(weights: Mapping[str, Any], policy: str) -> Mapping[str, Any]:
    """Whether a checkpoint holds a policy of this name; returns our part of it.

    Raises:
        CheckpointError: it does not.
    """
    extras = weights.get(KEY)
    if extras is None:
        raise CheckpointError(
            f"The checkpoint holds no {KEY} policy (a Gaussian one of rl_games, perhaps), but "
            f"params.algo.name is {policy}. Load it with the YAML that it was trained with."
        )
    if not isinstance(extras, Mapping) or not extras.keys() >= PARTS:
        raise CheckpointError(
            f"The checkpoint's part {KEY} is damaged: it must hold {', '.join(sorted(PARTS))}."
        )
    if extras["policy"] != policy:
        raise CheckpointError(
            f"The checkpoint holds a {extras['policy']} policy, but params.algo.name is {policy}. "
            "Load it with the YAML that it was trained with."
        )
    return extras


def shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor of a model, compiled or not."""
    state = model.state_dict()
    return {name.removeprefix(compat.COMPILED): tuple(value.shape) for name, value in state.items()}
