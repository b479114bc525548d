"""How rl_games cuts a rollout, and the sentence where the numbers do not fit each other.

rl_games says "Batch size must be divisible by minibatch size", and not whose; and of a network
without memory, too, it wants whole sequences of ``seq_length`` steps, 4 by default.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rlg_genpo.common.schema import checked
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import keys
from rlg_genpo.host.keys import PATH

#: rl_games' own, where ``params.config.seq_length`` is not given
SEQUENCE = 4
CENTRAL = f"{PATH}.central_value_config"


def minibatch_size(config: Mapping[str, Any], path: str = PATH) -> int:
    """As rl_games reads it: ``minibatch_size``, or else ``minibatch_size_per_env`` times actors."""
    for name, rule in keys.BATCH.items():
        if name in config:
            checked(config[name], rule.kind, f"{path}.{name}", {"valid": rule.valid})
    per_env = config.get("minibatch_size_per_env", 0) * config["num_actors"]
    size = config.get("minibatch_size", per_env)
    if not size:
        raise ConfigError(f"{path}.minibatch_size: missing; rl_games needs it.")
    return size


def sequence_length(params: Mapping[str, Any]) -> int:
    """Steps that a recurrent trunk is trained through at once; 1 without one."""
    return given_length(params["config"]) if "rnn" in params["network"] else 1


def given_length(config: Mapping[str, Any]) -> int:
    rule = keys.CONFIG["seq_length"]
    length = config.get("seq_length", SEQUENCE)
    return checked(length, rule.kind, f"{PATH}.seq_length", {"valid": rule.valid})


def check_batch(params: Mapping[str, Any], agents: int) -> None:
    """Whether ``num_actors``, ``horizon_length``, ``minibatch_size`` and ``seq_length`` fit.

    Agents are the rows that an environment gives in a step; the central critic has one, however
    many they are.
    """
    config, length = params["config"], sequence_length(params)
    refuse_remainder("horizon_length", config["horizon_length"], length)
    rows = {key: config[key] for key in ("num_actors", "horizon_length")}
    whole = {**rows, "agents": agents} if agents > 1 else rows
    refuse_broken(config, whole)
    size = minibatch_size(config)
    refuse_uneven(PATH, size, whole, length)
    refuse_remainder("minibatch_size", size, length)
    central = config.get("central_value_config")
    if isinstance(central, Mapping):
        refuse_broken(config, rows)
        size = minibatch_size({**central, "num_actors": config["num_actors"]}, CENTRAL)
        network = central.get("network")
        recurrent = isinstance(network, Mapping) and "rnn" in network
        length = given_length(config) if recurrent else 1
        refuse_uneven(CENTRAL, size, rows, length)
        refuse_remainder("central_value_config.minibatch_size", size, length, "central critic")


def check_open_batch(params: Mapping[str, Any]) -> None:
    """The same, as far as it is known without ``num_actors``, which another program sets later."""
    config, horizon = params["config"], params["config"]["horizon_length"]
    refuse_remainder("horizon_length", horizon, sequence_length(params))
    per_env = config.get("minibatch_size_per_env")
    if "minibatch_size" not in config and horizon % per_env:
        raise ConfigError(
            f"{PATH}.minibatch_size_per_env: {per_env} does not divide horizon_length, {horizon}; "
            f"{largest_divisor(horizon, per_env)} is the nearest below that does."
        )


def product(factors: Mapping[str, int]) -> str:
    """``num_actors * horizon_length = 3 * 5 = 15``."""
    rows = math.prod(factors.values())
    return f"{' * '.join(factors)} = {' * '.join(map(str, factors.values()))} = {rows}"


def refuse_broken(config: Mapping[str, Any], factors: Mapping[str, int]) -> None:
    """Rows that are not whole sequences, which rl_games wants of every network."""
    length = given_length(config)
    if math.prod(factors.values()) % length == 0:
        return
    actors, horizon = factors["num_actors"], factors["horizon_length"]
    said = f"{length}" if "seq_length" in config else f"{length}, rl_games' default,"
    actors_too = " or ".join(map(str, around(factors, "num_actors", actors, length)))
    horizons = " or ".join(map(str, around(factors, "horizon_length", horizon, length)))
    raise ConfigError(
        f"{PATH}.seq_length: {said} does not divide {product(factors)}, as rl_games asks also of a "
        f"network without an rnn. Write seq_length: 1, which changes nothing without an rnn; or "
        f"num_actors: {actors_too}; or horizon_length: {horizons}."
    )


def around(factors: Mapping[str, int], key: str, value: int, length: int) -> Iterator[int]:
    """The nearest values below and above of one factor that make the rows whole sequences."""
    rest = math.prod(number for name, number in factors.items() if name != key)
    unit = length // math.gcd(length, rest)
    below = value // unit * unit
    if below:
        yield below
    yield below + unit


def refuse_uneven(path: str, size: int, factors: Mapping[str, int], length: int = 1) -> None:
    """Minibatches that do not cut a rollout, whose rows are the product of ``factors``, evenly."""
    rows = math.prod(factors.values())
    if rows % size:
        raise ConfigError(
            f"{path}.minibatch_size: {size} does not divide {product(factors)}; "
            f"{largest_divisor(rows, size, length)} is the nearest below that does."
        )


def refuse_remainder(key: str, value: int, length: int, whose: str = "network") -> None:
    if value % length:
        below = value // length * length
        fitting = f"{below} or {below + length}" if below else f"{length}"
        raise ConfigError(
            f"{PATH}.{key}: {value} must be a multiple of seq_length, {length}, since the {whose} "
            f"has an rnn trunk; {fitting} is."
        )


def largest_divisor(rows: int, limit: int, length: int = 1) -> int:
    """The largest size up to ``limit`` that cuts ``rows`` evenly, whole sequences each; or 1."""
    fitting = (n for n in range(min(limit, rows), 0, -1) if rows % n == 0 and n % length == 0)
    return next(fitting, 1)
