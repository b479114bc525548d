"""Our YAML blocks, parsed once. Standard library only.

rl_games' own keys stay rl_games' business; what is read of them here is only what a policy's
setting must agree with.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from rlg_genpo.blocks import at_least, number, one_of, option, parse, positive, widths, within
from rlg_genpo.errors import ConfigError

#: Above this growth of rounding errors, float32's 1e-7 leaves fewer than three good digits in the
#: typical recovered noise.
MAX_ERROR_GROWTH = 1e4

#: rl_games' own words; any other it takes for a constant rate
LR_SCHEDULES = (None, "None", "identity", "constant", "adaptive", "linear")
#: rl_games' own; 2.0 calls legacy per_minibatch, and takes both
SCHEDULE_TYPES = ("legacy", "standard", "per_minibatch")

ACTIVATION_NAMES = ("mish", "elu", "relu", "gelu", "silu", "swish", "tanh", "selu")


@dataclass(frozen=True)
class FlowConfig:
    """``params.network.flow``: the velocity network and the flow's shape."""

    steps: int = option(5, "N, Euler steps from noise to action", at_least(1))
    mix: float = option(0.9, "p, the coupling's mixing weight", within("(0, 1]", 0, 1, True))
    condition: str = option(
        "features",
        "what the velocity sees: the trunk's features, or the (normalised) observation itself, "
        "as in the paper; then the trunk serves the critic alone",
        one_of(("features", "observation")),
    )
    units: tuple[int, ...] = option((64, 64), "hidden widths of the velocity MLP", widths())
    activation: str = option(
        "silu", "of the velocity MLP; the paper's is mish", one_of(ACTIVATION_NAMES)
    )
    time_embedding: int = option(32, "width of the time embedding, even", at_least(2))
    time_units: tuple[int, ...] = option((256, 256), "hidden widths of its MLP", widths())
    output_scale: float = option(
        0.01, "factor on the velocity's last layer at the start", at_least(0)
    )


@dataclass(frozen=True)
class GenPOConfig:
    """``params.algo`` of GenPO, beside its ``name``."""

    name: str = option("genpo", "the algorithm")
    compression_coef: float = option(0.01, "nu, weight of the compression loss", at_least(0))
    compression: str = option(
        "squared",
        "the paper's mean (x - y)^2, or the released code's |x - y|",
        one_of(("squared", "norm")),
    )
    compression_fraction: float = option(
        0.25,
        "share of each minibatch on which fresh samples are drawn for the compression loss; the "
        "paper's is 1",
        within("(0, 1]", 0, 1, True),
    )
    kl_estimator: str = option(
        "nonnegative",
        "r - 1 - log r, or plain -log r as in the released code",
        one_of(("nonnegative", "plain")),
    )
    adapt: str = option(
        "epoch",
        "when lr_schedule 'adaptive' decides: once an epoch, on the last mini-epoch's KL; or at "
        "every KL that rl_games measures (a minibatch in 'legacy', a mini-epoch in 'standard')",
        one_of(("epoch", "call")),
    )
    min_lr: float = option(1e-5, "lower bound of the adaptive learning rate", positive())
    max_lr: float | None = option(
        None,
        "upper bound of the adaptive learning rate; config.learning_rate if not given",
        positive(),
    )


@dataclass(frozen=True)
class GenPOSettings:
    """Everything of ours in a GenPO YAML, and the checks that span several blocks."""

    algo: GenPOConfig
    flow: FlowConfig

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> "GenPOSettings":
        """Parse ``params`` of an rl_games YAML.

        Raises:
            ConfigError: naming the key, the value and the way out.
        """
        algo = parse(GenPOConfig, params.get("algo"), "params.algo")
        network = block_at(params, "network")
        flow = parse_flow(network)
        check_names(params, "genpo", "genpo_actor_critic")
        config = block_at(params, "config")
        check_schedule(config, algo)
        check_bounds(config)
        return cls(algo, flow)

    def head(self) -> dict[str, Any]:
        """What a checkpoint's policy depends on beside the shapes of its tensors, by YAML key."""
        keys = ("steps", "mix", "condition", "activation")
        return {f"params.network.flow.{key}": getattr(self.flow, key) for key in keys}


def parse_flow(network: Mapping[str, Any]) -> FlowConfig:
    """``flow:`` of a network block, with what it must agree with in the rest of that block."""
    path = "params.network.flow"
    refuse_misspelt(network, "flow", "params.network")
    flow = parse(FlowConfig, network.get("flow"), path)
    if flow.time_embedding % 2:
        raise ConfigError(f"{path}.time_embedding: must be even, got {flow.time_embedding}.")
    growth = error_growth(flow.steps, flow.mix)
    if growth > MAX_ERROR_GROWTH:
        least = math.ceil(100 * MAX_ERROR_GROWTH ** (-1 / (2 * flow.steps))) / 100
        raise ConfigError(
            f"{path}.mix: {flow.mix:g} with {flow.steps} steps amplifies float32's rounding by "
            f"mix**(-2*steps) = {growth:.1e} in the inverse; at most {MAX_ERROR_GROWTH:.0e} is "
            f"allowed. Use mix >= {least:.2f}, or fewer steps."
        )
    if flow.condition == "observation":
        for trunk in ("rnn", "cnn"):
            if trunk in network:
                raise ConfigError(
                    f"{path}.condition: 'observation' leaves the policy without the "
                    f"params.network.{trunk} trunk; use condition: features."
                )
    return flow


def refuse_misspelt(network: Mapping[str, Any], block: str, path: str) -> None:
    """A block of ours under a slip of its name, which rl_games would silently ignore."""
    for key in network:
        if key != block and get_close_matches(str(key).lower(), [block], cutoff=0.7):
            raise ConfigError(f"{path}.{key}: unknown key, did you mean '{block}'?")


def error_growth(steps: int, mix: float) -> float:
    """How much the coupled flow's inverse may amplify a rounding error: one 1/mix an unmixing.

    mix**(-2*steps), or infinity where a float cannot hold it.
    """
    try:
        return mix ** (-2 * steps)
    except OverflowError:
        return math.inf


def check_names(params: Mapping[str, Any], model: str, network: str) -> None:
    """The model's name is ours; a network of another name is taken for a user's own builder."""
    given = block_at(params, "model").get("name")
    if given != model:
        raise ConfigError(
            f"params.model.name: must be {model} with algo.name {model}, got {given!r}."
        )
    block = block_at(params, "network")
    name = block.get("name")
    if name is None:
        raise ConfigError(f"params.network.name: missing; use {network}.")
    if name == network and not isinstance(block.get("mlp"), Mapping):
        raise ConfigError(
            "params.network.mlp: missing; rl_games' trunk needs units, activation and initializer."
        )
    if name in ("actor_critic", "resnet_actor_critic", "soft_actor_critic", "rnd_curiosity"):
        raise ConfigError(
            f"params.network.name: {name!r} is rl_games' Gaussian or discrete head; "
            f"use {network}, the rest of the block stays as it is."
        )


def check_schedule(config: Mapping[str, Any], algo: GenPOConfig) -> None:
    """``lr_schedule`` and its bounds."""
    rate = number(config.get("learning_rate"))
    if rate is None or rate <= 0:
        raise ConfigError(
            f"params.config.learning_rate: must be above 0, got {config.get('learning_rate')!r}."
        )
    schedule = config.get("lr_schedule", "missing")
    if schedule not in LR_SCHEDULES:
        raise ConfigError(
            f"params.config.lr_schedule: must be adaptive, linear or constant, got {schedule!r}."
        )
    if schedule == "linear" and config.get("max_epochs", -1) == -1:
        raise ConfigError(
            "params.config.max_epochs: missing; rl_games' lr_schedule linear counts epochs and "
            "does not fall on max_frames alone."
        )
    kind = config.get("schedule_type", "legacy")
    if kind not in SCHEDULE_TYPES:
        raise ConfigError(f"params.config.schedule_type: must be legacy or standard, got {kind!r}.")
    if schedule != "adaptive":
        return
    threshold = number(config.get("kl_threshold"))
    if threshold is None or threshold <= 0:
        raise ConfigError(
            "params.config.kl_threshold: lr_schedule adaptive needs a target above 0 (in nats), "
            f"got {config.get('kl_threshold')!r}; or use lr_schedule: linear or constant."
        )
    top = rate if algo.max_lr is None else algo.max_lr
    if not algo.min_lr <= rate <= top:
        raise ConfigError(
            f"params.config.learning_rate: {rate:g} must lie in [params.algo.min_lr, "
            f"params.algo.max_lr] = [{algo.min_lr:g}, {top:g}]."
        )


def check_bounds(config: Mapping[str, Any]) -> None:
    """``bound_loss_type``, where a bounds loss is asked for."""
    kind = config.get("bound_loss_type", "bound")
    if config.get("bounds_loss_coef") and kind not in ("bound", "regularisation"):
        raise ConfigError(
            f"params.config.bound_loss_type: must be bound or regularisation, got {kind!r}."
        )


def pick_device(config: dict[str, Any], cuda: bool) -> None:
    """Fill in ``device`` and ``device_name`` where they are missing: rl_games assumes cuda:0.

    Raises:
        ConfigError: CUDA is asked for and not there.
    """
    for key in ("device", "device_name"):
        config.setdefault(key, "cuda:0" if cuda else "cpu")
        if str(config[key]).startswith("cuda") and not cuda:
            raise ConfigError(
                f"params.config.{key}: {config[key]}, but torch sees no CUDA device; use cpu for "
                "config.device and config.device_name."
            )


def block_at(params: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A block that every rl_games YAML has."""
    block = params.get(name)
    if not isinstance(block, Mapping):
        raise ConfigError(f"params.{name}: missing, or not a block of keys.")
    return block
