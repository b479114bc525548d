"""Everything that can be wrong with a configuration, found before an environment is made."""

from collections.abc import Mapping
from typing import Any

from rl_games.algos_torch.model_builder import ModelBuilder

from rlg_genpo.algorithm import Algorithm, algorithms
from rlg_genpo.cli import known
from rlg_genpo.common import checkpoints
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.common.schema import nearest, number, unknown
from rlg_genpo.envs import simulator_of
from rlg_genpo.errors import CheckpointError, ConfigError
from rlg_genpo.registration import refuse_half_a_swap

#: rl_games' own algorithm, which has no settings of ours
GAUSSIAN = "a2c_continuous"

#: ``num_actors`` of a file for another program, which puts the number of its environments there
LEFT_OPEN = -1

#: rl_games' keys of params.config on whose type it trips amid its work
NUMBERS = ("gamma", "tau", "e_clip", "grad_norm", "critic_coef", "entropy_coef")
SWITCHES = ("normalize_input", "normalize_value", "normalize_advantage", "truncate_grads")


def check(params: Mapping[str, Any]) -> PolicyConfig | None:
    """Whether a configuration can be trained here; its policy's settings.

    Raises:
        ConfigError: naming the key, the value and the way out.
    """
    settings = check_settings(params)
    simulator_of(params["config"]).check(params["config"])
    return settings


def check_settings(params: Mapping[str, Any]) -> PolicyConfig | None:
    """Whether a configuration can be trained where its simulator is; its policy's settings.

    Raises:
        ConfigError: naming the key, the value and the way out.
    """
    check_shape(params)
    refuse_half_a_swap(params)
    settings = parsed(params)
    simulator_of(params["config"]).check_file(params)
    check_batch(params)
    return settings


def algorithm_of(params: Mapping[str, Any]) -> Algorithm | None:
    """The policy's declaration; None for rl_games' own."""
    return algorithms().get(params["algo"]["name"])


def parsed(params: Mapping[str, Any]) -> PolicyConfig | None:
    """The policy's settings; None for rl_games' own, which has none of ours.

    Raises:
        ConfigError: naming the key, the value and the way out.
    """
    algorithm = algorithm_of(params)
    return None if algorithm is None else algorithm.parse(params)


def refuse_elsewhere(config: Mapping[str, Any]) -> None:
    """Some environments are made by another program's scripts only.

    Raises:
        ConfigError: the configuration is for them; names the script and its words.
    """
    simulator = simulator_of(config)
    if simulator.host is not None:
        simulator.check(config)


def leaves_envs_open(config: Mapping[str, Any]) -> bool:
    """Whether the number of environments comes from the command line of another program."""
    return simulator_of(config).host is not None and config["num_actors"] == LEFT_OPEN


def check_checkpoint(params: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Whether rl_games' own Gaussian is asked to load one of our policies.

    The other direction, and everything else, our agents and players check themselves.

    Raises:
        CheckpointError: it is.
    """
    if params["algo"]["name"] == GAUSSIAN and checkpoints.KEY in state:
        raise CheckpointError(
            f"The checkpoint holds a {state[checkpoints.KEY]['policy']} policy, but "
            f"params.algo.name is {GAUSSIAN}. Load it with the YAML that it was trained with."
        )


def deployments_of(params: Mapping[str, Any]) -> tuple[str, ...]:
    """What a player of this policy may be told to execute, beside its default."""
    algorithm = algorithm_of(params)
    return () if algorithm is None else algorithm.config.deployments


def check_deployment(params: Mapping[str, Any], name: str) -> None:
    """Whether a policy offers a deployment.

    Raises:
        ConfigError: it does not; names those that it offers.
    """
    known = deployments_of(params)
    if not known:
        raise ConfigError(
            f"--deployment {name}: a policy of algo.name {params['algo']['name']} has one "
            "deployment only."
        )
    if name not in known:
        raise ConfigError(f"--deployment {name}: {unknown(name, known, 'deployment')}")


def check_shape(params: Mapping[str, Any]) -> None:
    """The blocks and keys without which nothing else can be read, and rl_games' names."""
    for name in ("algo", "model", "network", "config"):
        if not isinstance(params.get(name), Mapping):
            raise ConfigError(f"params.{name}: missing, or not a block of keys.")
    check_names(params)
    check_required(params["config"], params["algo"]["name"] == GAUSSIAN)


def check_names(params: Mapping[str, Any]) -> None:
    """Algorithm, model and network stand in rl_games' tables."""
    builder = ModelBuilder()
    tables = {
        "algo": {*algorithms(), GAUSSIAN},
        "model": builder.model_factory._builders,
        "network": builder.network_builder.network_factory._builders,
    }
    for block, names in tables.items():
        name = params[block].get("name")
        if name not in names:
            raise ConfigError(
                f"params.{block}.name: unknown, {name!r}{nearest(str(name), names)} "
                f"Known: {', '.join(sorted(names))}."
            )


def check_required(config: Mapping[str, Any], is_gaussian: bool) -> None:
    """Keys without which rl_games stops amid its work."""
    missing = [key for key in known.REQUIRED if key not in config]
    if "minibatch_size" not in config and "minibatch_size_per_env" not in config:
        missing.append("minibatch_size")
    if is_gaussian and config.get("bounds_loss_coef") is None:
        missing.append("bounds_loss_coef")
    if missing:
        keys = ", ".join(f"params.config.{key}" for key in missing)
        raise ConfigError(f"{keys}: missing; rl_games needs it.")
    counts = ["num_actors", "horizon_length", "mini_epochs"]
    if leaves_envs_open(config):
        counts.remove("num_actors")
    for key in counts:
        check_count(f"params.config.{key}", config[key])
    if config.get("max_epochs", -1) != -1:
        check_count("params.config.max_epochs", config["max_epochs"])
    for key in NUMBERS:
        if number(config.get(key, 0)) is None:
            raise ConfigError(f"params.config.{key}: must be a number, got {config[key]!r}.")
    for key in SWITCHES:
        if not isinstance(config.get(key, False), bool):
            raise ConfigError(f"params.config.{key}: must be true or false, got {config[key]!r}.")
    if not isinstance(config["reward_shaper"], Mapping):
        raise ConfigError(
            "params.config.reward_shaper: must be a block such as {scale_value: 1}, got "
            f"{config['reward_shaper']!r}."
        )


def check_count(path: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{path}: must be a whole number of at least 1, got {value!r}.")


def minibatch_size(config: Mapping[str, Any]) -> int:
    """As rl_games reads it: ``minibatch_size``, or else ``minibatch_size_per_env`` times actors."""
    if "minibatch_size" in config:
        size = config["minibatch_size"]
        check_count("params.config.minibatch_size", size)
        return size
    per_env = config["minibatch_size_per_env"]
    check_count("params.config.minibatch_size_per_env", per_env)
    return config["num_actors"] * per_env


def sequence_length(params: Mapping[str, Any]) -> int:
    """Steps that a recurrent trunk is trained through at once; 1 without one."""
    return params["config"].get("seq_length", 4) if "rnn" in params["network"] else 1


def check_batch(params: Mapping[str, Any]) -> None:
    """num_actors * horizon_length, minibatch_size and seq_length fit each other."""
    config = params["config"]
    if simulator_of(config).host is not None:
        check_open_batch(params)
    if leaves_envs_open(config):
        return
    size, length = minibatch_size(config), sequence_length(params)
    check_count("params.config.seq_length", length)
    horizon, agents = config["horizon_length"], rows_per_env(params)
    if horizon % length:
        raise ConfigError(not_whole("horizon_length", horizon, length))
    if rows_per_epoch(params) % size:
        each = " * agents" if agents > 1 else ""
        number = f" * {agents}" if agents > 1 else ""
        raise ConfigError(
            f"params.config.minibatch_size: {size} does not divide num_actors * horizon_length"
            f"{each} = {config['num_actors']} * {horizon}{number} = {rows_per_epoch(params)}; "
            f"{largest_divisor(params, size)} is the nearest below that does."
        )
    if size % length:
        raise ConfigError(not_whole("minibatch_size", size, length))
    check_central_batch(config)


def check_central_batch(config: Mapping[str, Any]) -> None:
    """The central critic's minibatches; it has one row per environment, however many agents.

    rl_games says "Batch size must be divisible by minibatch size", and not whose.

    Raises:
        ConfigError: they do not divide the batch, or their size is missing.
    """
    block = config.get("central_value_config")
    if not isinstance(block, Mapping):
        return
    path, whole = "params.config.central_value_config", frames_per_epoch(config)
    if "minibatch_size" not in block and "minibatch_size_per_env" not in block:
        raise ConfigError(f"{path}.minibatch_size: missing; rl_games needs it.")
    key = "minibatch_size" if "minibatch_size" in block else "minibatch_size_per_env"
    check_count(f"{path}.{key}", block[key])
    size = block[key] * (1 if key == "minibatch_size" else config["num_actors"])
    if whole % size:
        fitting = next(n for n in range(min(size, whole), 0, -1) if whole % n == 0)
        raise ConfigError(
            f"{path}.{key}: minibatches of {size} do not divide num_actors * horizon_length = "
            f"{config['num_actors']} * {config['horizon_length']} = {whole} (agents do not count "
            f"here); minibatch_size: {fitting} is the nearest below that does."
        )


def check_open_batch(params: Mapping[str, Any]) -> None:
    """The batch, as far as it can be checked before ``num_actors`` is known."""
    config = params["config"]
    horizon, length = config["horizon_length"], sequence_length(params)
    check_count("params.config.seq_length", length)
    if horizon % length:
        raise ConfigError(not_whole("horizon_length", horizon, length))
    if "minibatch_size" in config:
        check_count("params.config.minibatch_size", config["minibatch_size"])
        return
    per_env = config["minibatch_size_per_env"]
    check_count("params.config.minibatch_size_per_env", per_env)
    if horizon % per_env:
        raise ConfigError(
            f"params.config.minibatch_size_per_env: {per_env} does not divide horizon_length, "
            f"{horizon}."
        )


def not_whole(key: str, value: int, length: int) -> str:
    return (
        f"params.config.{key}: {value} must be a multiple of seq_length, {length}, since the "
        "network has an rnn trunk."
    )


def largest_divisor(params: Mapping[str, Any], limit: int) -> int:
    """Largest minibatch size up to ``limit`` that :func:`check_batch` accepts, or 1."""
    batch, length = rows_per_epoch(params), sequence_length(params)
    fitting = (n for n in range(min(limit, batch), 0, -1) if batch % n == 0 and n % length == 0)
    return next(fitting, 1)


def rows_per_env(params: Mapping[str, Any]) -> int:
    """Native agents of an environment; 1 for an algorithm that takes them together."""
    algorithm = algorithm_of(params)
    if algorithm is not None and algorithm.joins_agents:
        return 1
    return simulator_of(params["config"]).agents(params["config"])


def rows_per_epoch(params: Mapping[str, Any]) -> int:
    """What rl_games cuts into minibatches."""
    return frames_per_epoch(params["config"]) * rows_per_env(params)


def frames_per_epoch(config: Mapping[str, Any]) -> int:
    return config["num_actors"] * config["horizon_length"]


def planned_frames(config: Mapping[str, Any]) -> int | None:
    """Environment frames of a run from its start to its end; None if it has no end."""
    ends = []
    if config.get("max_epochs", -1) != -1:
        ends.append(config["max_epochs"] * frames_per_epoch(config))
    if config.get("max_frames", -1) != -1:
        ends.append(config["max_frames"])
    return min(ends, default=None)
