"""rl_games' own keys, up to 2.0: what each may be, block by block of a YAML's ``params``.

The keys keep rl_games' meaning and its defaults. :mod:`rlg_genpo.host.check` holds a configuration
against these tables before rl_games trips over it amid its work, or takes it for something else.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from rlg_genpo.common.schema import Valid, at_least, number, one_of, positive, within

PATH = "params.config"

#: rl_games' words for a schedule; any other it takes for a constant rate
LR_SCHEDULES = (None, "None", "identity", "constant", "adaptive", "linear")
#: 2.0 calls legacy per_minibatch, and takes both
SCHEDULE_TYPES = ("legacy", "standard", "per_minibatch")
ACTIVATIONS = (
    "relu", "tanh", "sigmoid", "elu", "selu", "swish", "gelu", "softplus", "None",
)  # fmt: skip
#: with the options that torch's initialisers, and rl_games' of them, take
INITIALIZERS = {
    "default": None,  # takes any and does nothing with it
    "const_initializer": ("val", "value"),
    "orthogonal_initializer": ("gain",),
    "orthogonal": ("gain",),
    "glorot_normal_initializer": ("gain",),
    "glorot_uniform_initializer": ("gain",),
    "variance_scaling_initializer": ("scale", "mode", "distribution"),
    "random_uniform_initializer": ("a", "b"),
    "kaiming_normal": ("a", "mode", "nonlinearity"),
}
CONVOLUTIONS = ("conv2d", "conv2d_spatial_softargmax", "conv2d_flatten", "coord_conv2d", "conv1d")
COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


def _whole(value: Any, low: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def _size(value: Any) -> bool:
    """Of a convolution: a number, or one for each dimension."""
    return _whole(value, 0) or (isinstance(value, list) and all(_whole(one, 0) for one in value))


RATE_RULE = Valid("adaptive, linear or constant", lambda word: word in LR_SCHEDULES)
DECISION = Valid("legacy or standard", lambda word: word in SCHEDULE_TYPES)
LENGTH = Valid("-1 or at least 1", lambda n: n == -1 or n > 0)
NAME = Valid("the name of a file, without a slash", lambda name: is_file_name(name))
FRAMES = Valid("-1 or a whole number above 0", lambda n: n == -1 or (n > 0 and n == int(n)))
NO_STEPS = Valid("-1, as 1.6.5 cannot read another; write max_frames", lambda n: n == -1)
COUNT, NATURAL = at_least(1), at_least(0)
SHARE = within("[0, 1]", 0, 1)
SHAPER = "a block such as {scale_value: 1}"
CLIPS = Valid("true or false", lambda value: isinstance(value, bool) or value in (0, 1))
SEED = Valid("a whole number in [0, 2**31)", lambda value: _whole(value, 0) and value < 2**31)
THREADS = Valid("auto or a whole number", lambda value: value == "auto" or _whole(value, 0))
DEVICE = Valid(
    "cpu, cuda or cuda:N",
    lambda word: re.fullmatch(r"(cpu|cuda|mps|xpu|npu|hpu)(:\d+)?", word) is not None,
)
COMPILING = Valid(
    f"true, false, one of {', '.join(COMPILE_MODES)}, or a block of mode and critic_mode",
    lambda value: isinstance(value, (bool, Mapping)) or value in COMPILE_MODES,
)
ANY_NUMBER = Valid(
    "a number", lambda value: value in (float("inf"), -float("inf")) or number(value) is not None
)
WIDTHS = Valid("a list of widths, each at least 1", lambda units: all(unit >= 1 for unit in units))
INITIALIZER = Valid(
    "a block with a name, one of " + ", ".join(INITIALIZERS),
    lambda block: block.get("name") in tuple(INITIALIZERS),
)
SIZE = Valid("a whole number, or a list of them", _size)
CONVS = Valid(
    "a list of blocks {filters, kernel_size, strides, padding}, one or more",
    lambda value: (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(one, Mapping) for one in value)
    ),
)


class Rule(NamedTuple):
    """What a key may be: its type, its range, and where it has no default, what it is."""

    kind: Any = object
    valid: Valid | None = None
    needed: str = ""


Table = dict[str, Rule]


def each(words: str, *rule: Any) -> Table:
    """The same rule for several keys."""
    return dict.fromkeys(words.split(), Rule(*rule))


#: how a rollout is cut, in ``params.config`` and in its ``central_value_config``
BATCH = {
    "minibatch_size": Rule(int, COUNT),
    "minibatch_size_per_env": Rule(int, NATURAL),
}

#: what a running program puts there, and nobody writes
OBJECTS = each("env_info vec_env is_train")

CONFIG: Table = {
    **BATCH,
    **OBJECTS,
    "name": Rule(str, NAME, "the run's name"),
    "env_name": Rule(str, None, "the simulator's name"),
    "num_actors": Rule(int, COUNT, "number of parallel environments"),
    "horizon_length": Rule(int, COUNT, "number of steps of a rollout"),
    "mini_epochs": Rule(int, COUNT, "number of passes over a rollout"),
    "max_epochs": Rule(int, LENGTH),
    "max_frames": Rule(float, FRAMES),
    "max_steps": Rule(float, NO_STEPS),
    "learning_rate": Rule(float, positive(), "the rate, or that at the start."),
    "lr_schedule": Rule(str | None, None, RATE_RULE.text),
    "schedule_type": Rule(str, DECISION),
    "gamma": Rule(float, SHARE, "discount of a step"),
    "tau": Rule(float, SHARE, "lambda of the advantage estimates"),
    "e_clip": Rule(float, positive(), "bound of the probability ratio's change"),
    "clip_value": Rule(object, CLIPS, "whether the value's change is clipped too"),
    "critic_coef": Rule(float, NATURAL, "weight of the value's loss"),
    "entropy_coef": Rule(float, None, "weight of the entropy"),
    "grad_norm": Rule(float, positive(), "largest norm of the gradient"),
    "normalize_advantage": Rule(bool, None, "whether advantages are normalised"),
    "normalize_input": Rule(bool, None, "whether observations are normalised"),
    "reward_shaper": Rule(Mapping, None, SHAPER),
    "bounds_loss_coef": Rule(float | None, NATURAL),
    "kl_threshold": Rule(float),
    "seq_length": Rule(int, COUNT),
    "torch_compile": Rule(object, COMPILING),
    "central_value_config": Rule(Mapping | None),
    "self_play_config": Rule(Mapping | None),
    "full_experiment_name": Rule(str | None),
    **each("capability_manifest import_modules pbt_idx stop_fn"),
    **each("env_config features player", Mapping),
    **each("device device_name", str, DEVICE),
    **each("bptt_length games_to_track", int, COUNT),
    **each("epochs_between_resets save_best_after save_frequency", int, NATURAL),
    **each("score_to_win", float),
    **each("adv_rms_momentum", float, SHARE),
    **each("weight_decay min_lr max_lr lr_multiplier", float, NATURAL),
    **each(
        "algo_observer bound_loss_type log_path multi_gpu_sync_stats_mode network_path train_dir",
        str,
    ),
    **each("vecenv_type", str),
    **each(
        "clip_actions freeze_critic mixed_precision multi_gpu multi_gpu_sync_stats normalize_value "
        "normalize_rms_advantage population_based_training ppo print_stats schedule_entropy "
        "self_play truncate_grads use_action_masks use_diagnostics use_experimental_cv "
        "use_smooth_clamp value_bootstrap zero_rnn_on_done",
        bool,
    ),
}
#: rl_games' continuous PPO reads it unasked, our policies where it stands
GAUSSIAN: Table = {
    **CONFIG,
    "bounds_loss_coef": Rule(float, NATURAL, "weight of the loss outside the action bounds"),
}
CENTRAL: Table = {
    **{name: rule._replace(needed="") for name, rule in CONFIG.items()},
    "mini_epochs": CONFIG["mini_epochs"],
    "learning_rate": CONFIG["learning_rate"],
    "clip_value": CONFIG["clip_value"],
    "normalize_input": CONFIG["normalize_input"],
    "network": Rule(Mapping, None, "a block such as {name: actor_critic, ...}"),
    "model": Rule(Mapping),
}
del CENTRAL["central_value_config"]

TRUNK: Table = {
    "name": Rule(str),
    "mlp": Rule(Mapping, None, "rl_games' trunk needs units, activation and initializer."),
    "cnn": Rule(Mapping),
    "rnn": Rule(Mapping),
    "space": Rule(Mapping),
    "value_activation": Rule(str, one_of(ACTIVATIONS)),
    "normalization": Rule(str | None, one_of(("layer_norm", "batch_norm", "None"))),
    **each("separate central_value", bool),
    **each("joint_obs_actions value_shape require_rewards require_last_actions"),
}
#: a central critic's
CRITIC: Table = {**TRUNK, "name": Rule(str, None, "actor_critic, for example")}
#: the blocks below a network's own
TRUNK_BLOCKS: dict[tuple[str, ...], Table] = {
    ("mlp",): {
        "units": Rule(tuple[int, ...], WIDTHS, "a list of the layers' widths"),
        "activation": Rule(str, one_of(ACTIVATIONS), "one of " + ", ".join(ACTIVATIONS)),
        "initializer": Rule(Mapping, INITIALIZER, "a block such as {name: default}"),
        **each("d2rl norm_only_first_layer", bool),
        **each("regularizer normalization"),
    },
    ("rnn",): {
        "name": Rule(str, one_of(("lstm", "gru", "identity")), "lstm or gru"),
        "units": Rule(int, COUNT, "width of the memory"),
        "layers": Rule(int, COUNT, "number of recurrent layers, 1 for example"),
        # Isaac Lab's recurrent tasks have the last one here, where nobody reads it.
        **each("before_mlp concat_input concat_output layer_norm zero_rnn_on_done", bool),
    },
    ("cnn",): {
        "type": Rule(str, one_of(CONVOLUTIONS), "conv2d, for example"),
        "activation": Rule(str, one_of(ACTIVATIONS), "one of " + ", ".join(ACTIVATIONS)),
        "initializer": Rule(Mapping, INITIALIZER, "a block such as {name: default}"),
        "convs": Rule(object, CONVS, CONVS.text),
        "permute_input": Rule(bool),
        "regularizer": Rule(),
    },
    ("space",): {"continuous": Rule(Mapping | None), **each("discrete multi_discrete")},
    ("space", "continuous"): {
        "fixed_sigma": Rule(bool),
        **each("mu_activation sigma_activation", str, one_of(ACTIVATIONS)),
        **each("mu_init sigma_init", Mapping | None, INITIALIZER),
        **each("min_sigma logstd_bounds sigma_parametrization"),
    },
}
CONV: Table = {
    "filters": Rule(int, COUNT, "number of channels"),
    "kernel_size": Rule(object, SIZE, "side of the kernel"),
    "strides": Rule(object, SIZE, "step of the kernel"),
    "padding": Rule(object, SIZE, "0, for example"),
}

#: by block of ``params``, but for the networks'
BLOCKS: dict[tuple[str, ...], Table] = {
    (): {
        "seed": Rule(int | None, SEED),
        "torch_threads": Rule(object, THREADS),
        # What Isaac Lab's scripts and PBT read, and what older versions of rl_games did.
        **each("algo model network config env pbt load_checkpoint load_path"),
    },
    ("model",): each("name"),
    ("config",): CONFIG,
    ("config", "player"): {
        "games_num": Rule(int, COUNT),
        "n_game_life": Rule(int, COUNT),
        "render_sleep": Rule(float, NATURAL),
        "update_checkpoint_freq": Rule(int, COUNT),
        "env_config": Rule(Mapping),
        "dir_to_monitor": Rule(str | None),
        **each("balance_env_rewards deterministic evaluation print_stats render use_vecenv", bool),
    },
    ("config", "reward_shaper"): {
        **each("scale_value shift_value", float),
        **each("min_val max_val", object, ANY_NUMBER),
        **each("log_val is_torch", bool),
    },
    ("config", "self_play_config"): {
        "update_score": Rule(float, None, "the mean score from which the opponents are renewed"),
        "games_to_check": Rule(int, COUNT, "number of games that the mean is taken over"),
        "env_update_num": Rule(int, COUNT),
        "check_scores": Rule(bool),
    },
    ("config", "central_value_config"): CENTRAL,
}
#: this block is the arguments of a function of rl_games', which takes no others
ARGUMENTS = ("config", "reward_shaper")


def table(block: tuple[str, ...]) -> Table | None:
    """The rules of a block of ``params``; None where anything may stand."""
    if block[:1] == ("network",):
        return {(): TRUNK, **TRUNK_BLOCKS}.get(block[1:])
    if block[:3] == ("config", "central_value_config", "network"):
        return {(): TRUNK, **TRUNK_BLOCKS}.get(block[3:])
    return BLOCKS.get(block)


def names(block: Iterable[str]) -> set[str] | None:
    """Keys that may be set in a block of ``params``; None where anything may be."""
    known = table(tuple(block))
    return None if known is None else set(known) - set(OBJECTS)


def is_file_name(name: str) -> bool:
    """Whether a file or a folder may be called so, and stays in its parent."""
    return name not in ("", ".", "..") and name.isprintable() and "/" not in name.strip() == name
