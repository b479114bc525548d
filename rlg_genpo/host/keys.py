"""rl_games' own keys that are checked before rl_games reads them, and the names of the others.

The keys keep rl_games' meaning and its defaults. What is declared here is what rl_games trips over
amid its work, or silently takes for something else. Each check raises ConfigError, which names the
key, the value and the way out.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from rlg_genpo.common.schema import Valid, at_least, number, option, parse, positive
from rlg_genpo.errors import ConfigError

PATH = "params.config"

#: rl_games' words for a schedule; any other it takes for a constant rate
LR_SCHEDULES = (None, "None", "identity", "constant", "adaptive", "linear")
#: 2.0 calls legacy per_minibatch, and takes both
SCHEDULE_TYPES = ("legacy", "standard", "per_minibatch")

RATE_RULE = Valid("adaptive, linear or constant", lambda word: word in LR_SCHEDULES)
DECISION = Valid("legacy or standard", lambda word: word in SCHEDULE_TYPES)
LENGTH = Valid("-1 or at least 1", lambda n: n == -1 or n > 0)
NAME = Valid("the name of a file, without a slash", lambda name: is_file_name(name))
SHAPER = Valid("a block such as {scale_value: 1}", lambda value: isinstance(value, Mapping))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How a rollout is cut, in ``params.config`` and in its ``central_value_config``."""

    minibatch_size: int = option(0, "number of rows of a gradient step", at_least(1))
    minibatch_size_per_env: int = option(
        0, "number of rows of a gradient step, divided by num_actors", at_least(0)
    )


@dataclass(frozen=True, kw_only=True)
class Config(Batch):
    """``params.config`` of every algorithm; a key without a default must be there."""

    name: str = option(MISSING, "the run's name", NAME)
    env_name: str = option(MISSING, "the simulator's name")
    num_actors: int = option(MISSING, "number of parallel environments", at_least(1))
    horizon_length: int = option(MISSING, "number of steps of a rollout", at_least(1))
    mini_epochs: int = option(MISSING, "number of passes over a rollout", at_least(1))
    max_epochs: int = option(-1, "number of rollouts of a run; -1 for no end", LENGTH)
    learning_rate: float = option(MISSING, "learning rate of Adam", positive())
    lr_schedule: str | None = option(MISSING, RATE_RULE.text)
    gamma: float = option(MISSING, "discount of a step")
    tau: float = option(MISSING, "lambda of the advantage estimates")
    e_clip: float = option(MISSING, "bound of the probability ratio's change")
    clip_value: object = option(MISSING, "whether the value's change is clipped too")
    critic_coef: float = option(MISSING, "weight of the value's loss")
    entropy_coef: float = option(MISSING, "weight of the entropy")
    grad_norm: float = option(MISSING, "largest norm of the gradient")
    truncate_grads: bool = option(False, "whether grad_norm holds")
    normalize_advantage: bool = option(MISSING, "whether advantages are normalised")
    normalize_input: bool = option(MISSING, "whether observations are normalised")
    normalize_value: bool = option(False, "whether values are normalised")
    reward_shaper: Mapping = option(MISSING, SHAPER.text, SHAPER)


@dataclass(frozen=True, kw_only=True)
class GaussianConfig(Config):
    """``params.config`` of rl_games' continuous PPO."""

    bounds_loss_coef: float = option(MISSING, "weight of the loss outside the action bounds")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """``params.config``, as far as our agents' learning rates depend on it."""

    learning_rate: float = option(MISSING, "the rate, or that at the start.", positive())
    lr_schedule: str | None = option(MISSING, RATE_RULE.text, RATE_RULE)
    schedule_type: str = option("legacy", "when an adaptive schedule decides", DECISION)


@dataclass(frozen=True)
class Sequences:
    """``params.config`` under a recurrent trunk."""

    seq_length: int = option(4, "steps that it is trained through at once", at_least(1))


#: keys that rl_games up to 2.0 reads beside those above, which nobody checks
OTHERS = """
    adv_rms_momentum bound_loss_type bptt_length central_value_config clip_actions device
    device_name env_config epochs_between_resets features freeze_critic full_experiment_name
    games_to_track kl_threshold log_path max_frames max_steps mixed_precision multi_gpu network_path
    normalize_rms_advantage player population_based_training ppo print_stats save_best_after
    save_frequency schedule_entropy score_to_win self_play self_play_config torch_compile train_dir
    use_action_masks use_diagnostics use_experimental_cv use_smooth_clamp value_bootstrap
    weight_decay zero_rnn_on_done algo_observer capability_manifest import_modules lr_multiplier
    max_lr min_lr multi_gpu_sync_stats multi_gpu_sync_stats_mode stop_fn vecenv_type
"""
CHECKED = {key.name for block in (GaussianConfig, Schedule, Sequences) for key in fields(block)}
#: names by block of ``params``
NAMES: dict[tuple[str, ...], str] = {
    (): "seed torch_threads algo model network config",
    ("config",): " ".join((*CHECKED, OTHERS)),
    ("network",): "name separate mlp cnn rnn space normalization value_activation central_value "
    "joint_obs_actions",
    ("network", "mlp"): "units activation initializer d2rl norm_only_first_layer regularizer "
    "normalization",
    ("network", "rnn"): "name units layers before_mlp concat_input concat_output layer_norm",
    ("network", "space"): "continuous discrete multi_discrete",
}


def names(block: Iterable[str]) -> set[str] | None:
    """Keys that may be set in a block of ``params``; None where anything may be."""
    known = NAMES.get(tuple(block))
    return None if known is None else set(known.split())


def is_file_name(name: str) -> bool:
    """Whether a file or a folder may be called so, and stays in its parent."""
    return name not in ("", ".", "..") and name.isprintable() and "/" not in name.strip() == name


def parse_config(config: Mapping[str, Any], gaussian: bool) -> Config:
    """Check rl_games' keys of ``params.config``; ``gaussian`` is for its own continuous PPO."""
    keys = parse(GaussianConfig if gaussian else Config, config, PATH, strict=False)
    minibatch_size(config)
    if gaussian and keys.lr_schedule == "adaptive" and "kl_threshold" not in config:
        raise ConfigError(f"{PATH}.kl_threshold: missing; rl_games' adaptive schedule needs it.")
    return keys


def check_schedule(
    config: Mapping[str, Any], bounds: tuple[float, float | None] | None = None
) -> None:
    """Whether an agent of ours can follow ``lr_schedule``.

    Bounds are ``algo.min_lr`` and ``algo.max_lr`` (None: the rate at the start), of a policy that
    has them.
    """
    keys = parse(Schedule, config, PATH, strict=False)
    if keys.lr_schedule == "linear" and config.get("max_epochs", -1) == -1:
        raise ConfigError(
            f"{PATH}.max_epochs: missing; rl_games' lr_schedule linear counts epochs and does not "
            "fall on max_frames alone."
        )
    if keys.lr_schedule != "adaptive":
        return
    threshold = number(config.get("kl_threshold"))
    if threshold is None or threshold <= 0:
        raise ConfigError(
            f"{PATH}.kl_threshold: lr_schedule adaptive needs a target above 0 (in nats), got "
            f"{config.get('kl_threshold')!r}; or use lr_schedule: linear or constant."
        )
    low, high = bounds or (0.0, None)
    top = keys.learning_rate if high is None else high
    if not low <= keys.learning_rate <= top:
        raise ConfigError(
            f"{PATH}.learning_rate: {keys.learning_rate:g} must lie in [params.algo.min_lr, "
            f"params.algo.max_lr] = [{low:g}, {top:g}]."
        )


def check_bounds(config: Mapping[str, Any]) -> None:
    """``bound_loss_type``, where a bounds loss is asked for."""
    kind = config.get("bound_loss_type", "bound")
    if config.get("bounds_loss_coef") and kind not in ("bound", "regularisation"):
        raise ConfigError(f"{PATH}.bound_loss_type: must be bound or regularisation, got {kind!r}.")


def minibatch_size(config: Mapping[str, Any], path: str = PATH) -> int:
    """As rl_games reads it: ``minibatch_size``, or else ``minibatch_size_per_env`` times actors."""
    keys = parse(Batch, config, path, strict=False)
    size = keys.minibatch_size or keys.minibatch_size_per_env * config["num_actors"]
    if not size:
        raise ConfigError(f"{path}.minibatch_size: missing; rl_games needs it.")
    return size


def sequence_length(params: Mapping[str, Any]) -> int:
    """Steps that a recurrent trunk is trained through at once; 1 without one."""
    if "rnn" not in params["network"]:
        return 1
    return parse(Sequences, params["config"], PATH, strict=False).seq_length


def check_batch(params: Mapping[str, Any], agents: int) -> None:
    """Whether ``num_actors``, ``horizon_length``, ``minibatch_size`` and ``seq_length`` fit.

    rl_games says "Batch size must be divisible by minibatch size", and not whose. Agents are the
    rows that an environment gives in a step; the central critic has one, however many they are.
    """
    config, length = params["config"], sequence_length(params)
    refuse_remainder("horizon_length", config["horizon_length"], length)
    rows = {key: config[key] for key in ("num_actors", "horizon_length")}
    size = minibatch_size(config)
    refuse_uneven(PATH, size, {**rows, "agents": agents} if agents > 1 else rows, length)
    refuse_remainder("minibatch_size", size, length)
    central = config.get("central_value_config")
    if isinstance(central, Mapping):
        path = f"{PATH}.central_value_config"
        size = minibatch_size({**central, "num_actors": config["num_actors"]}, path)
        refuse_uneven(path, size, rows)


def check_open_batch(params: Mapping[str, Any]) -> None:
    """The same, as far as it is known without ``num_actors``, which another program sets later."""
    config, horizon = params["config"], params["config"]["horizon_length"]
    refuse_remainder("horizon_length", horizon, sequence_length(params))
    per_env = config.get("minibatch_size_per_env")
    if "minibatch_size" not in config and horizon % per_env:
        raise ConfigError(
            f"{PATH}.minibatch_size_per_env: {per_env} does not divide horizon_length, {horizon}."
        )


def refuse_uneven(path: str, size: int, factors: Mapping[str, int], length: int = 1) -> None:
    """Minibatches that do not cut a rollout, whose rows are the product of ``factors``, evenly."""
    rows = math.prod(factors.values())
    if rows % size:
        raise ConfigError(
            f"{path}.minibatch_size: {size} does not divide {' * '.join(factors)} = "
            f"{' * '.join(map(str, factors.values()))} = {rows}; "
            f"{largest_divisor(rows, size, length)} is the nearest below that does."
        )


def refuse_remainder(key: str, value: int, length: int) -> None:
    if value % length:
        raise ConfigError(
            f"{PATH}.{key}: {value} must be a multiple of seq_length, {length}, since the network "
            "has an rnn trunk."
        )


def largest_divisor(rows: int, limit: int, length: int = 1) -> int:
    """The largest size up to ``limit`` that cuts ``rows`` evenly, whole sequences each; or 1."""
    fitting = (n for n in range(min(limit, rows), 0, -1) if rows % n == 0 and n % length == 0)
    return next(fitting, 1)
