"""One look at rl_games' part of a configuration, before rl_games reads it: here and in Isaac Lab.

What is refused raises ConfigError, which names the key, the value and the way out.
"""

import typing
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from datetime import date
from typing import Any

from rlg_genpo.common.schema import block_of, checked, nearest, number, unknown, wrong
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import keys
from rlg_genpo.host.keys import PATH, RATE_RULE, Rule, Table

#: how alike a known name must be for a key to be its misspelling, and where that name is missed
ALIKE, MISSED = 0.7, 0.5
#: what a file can hold; a program puts other objects into ``params``, which are its business
PLAIN = (str, int, float, Mapping, list, tuple, date, type(None))
#: where blocks of initialisers stand in a network's
INITIALIZED = (
    ("mlp", "initializer"),
    ("cnn", "initializer"),
    ("space", "continuous", "mu_init"),
    ("space", "continuous", "sigma_init"),
)


def check(
    params: Mapping[str, Any], gaussian: bool = False, owned: Sequence[str] = (), trunk: bool = True
) -> list[str]:
    """Hold ``params`` against rl_games' keys; numbers that stand there as text become numbers.

    YAML 1.1 reads 1e-3 as text, and rl_games would compute with it as it is.

    Args:
        gaussian: whether rl_games' own continuous PPO is to train, which wants more keys.
        owned: blocks of ``params.network`` that belong to policies, which check them.
        trunk: whether ``params.network`` is a trunk of rl_games', and not another builder's.

    Returns:
        Sentences about keys that nobody reads and that are no misspelling.
    """
    for name in ("algo", "model", "network", "config"):
        block_of(params, name, f"params.{name}")
    refuse_unresolved(params, "params")
    strange = []
    for block, table, given in blocks_of(params, gaussian, trunk):
        known = {*table, *owned} if block == ("network",) else set(table)
        strange += refuse_misspelt(block, given, table, known)
        settle(block, given, table)
    if gaussian and trunk:
        check_gaussian(params)
    config = params["config"]
    if not any(config.get(name) for name in keys.BATCH):
        raise ConfigError(f"{PATH}.minibatch_size: missing; rl_games needs it.")
    if config.get("population_based_training") and not isinstance(config.get("pbt_idx"), int):
        raise ConfigError(
            f"{PATH}.pbt_idx: missing; population_based_training: True needs the whole number of "
            "this run in its population, or delete that line."
        )
    if gaussian and config["lr_schedule"] == "adaptive" and "kl_threshold" not in config:
        raise ConfigError(f"{PATH}.kl_threshold: missing; rl_games' adaptive schedule needs it.")
    return strange


def check_gaussian(params: Mapping[str, Any]) -> None:
    """What rl_games' Gaussian needs of its network, and a flow on it has defaults for."""
    space = at(params, ("network", "space", "continuous"))
    if space is None:
        raise ConfigError(
            "params.network.space.continuous: missing; rl_games' Gaussian needs the block, as in "
            "the shipped *_ppo.yaml."
        )
    for name in ("mu_activation", "sigma_activation", "mu_init", "sigma_init", "fixed_sigma"):
        if space.get(name) is None:
            raise ConfigError(
                f"params.network.space.continuous.{name}: missing; rl_games' Gaussian needs it."
            )


def dotted(block: Sequence[str], key: Any = None) -> str:
    return ".".join(["params", *block, *([] if key is None else [str(key)])])


def refuse_unresolved(value: Any, path: str) -> None:
    """A reference that only Hydra or OmegaConf would have replaced by a value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            refuse_unresolved(inner, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            refuse_unresolved(inner, f"{path}[{index}]")
    elif isinstance(value, str) and "${" in value:
        raise ConfigError(
            f"{path}: {value!r} refers to a value that stands elsewhere, and nobody resolved it; "
            "write the value itself."
        )


def blocks_of(
    params: Mapping[str, Any], gaussian: bool, trunk: bool
) -> Iterator[tuple[tuple[str, ...], Table, Mapping[str, Any]]]:
    """Every block that has rules, with them; one that is left out has none to be missing."""
    for block, table in keys.BLOCKS.items():
        given = at(params, block)
        if given is not None:
            yield block, keys.GAUSSIAN if gaussian and block == ("config",) else table, given
    central = ("config", "central_value_config", "network")
    for block in [("network",)] * trunk + [central] * has_trunk(at(params, central)):
        yield from trunk_blocks(params, block)


def has_trunk(network: Mapping[str, Any] | None) -> bool:
    """Whether a central critic's network is built by rl_games' own builder of trunks."""
    return network is not None and network.get("name", "actor_critic") == "actor_critic"


def trunk_blocks(
    params: Mapping[str, Any], top: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Table, Mapping[str, Any]]]:
    whole = keys.TRUNK if top == ("network",) else keys.CRITIC
    for inner, table in {(): whole, **keys.TRUNK_BLOCKS}.items():
        given = at(params, top + inner)
        if given is not None:
            yield top + inner, table, given
    cnn = at(params, (*top, "cnn")) or {}
    for index, conv in enumerate(cnn.get("convs") or ()):
        yield (*top, "cnn", f"convs[{index}]"), keys.CONV, conv
    for place in INITIALIZED:
        settle_initializer((*top, *place), at(params, (*top, *place)) or {})


def at(params: Any, block: Sequence[str]) -> Mapping[str, Any] | None:
    """A block of ``params``; None where there is none, or something else."""
    for key in block:
        params = params.get(key) if isinstance(params, Mapping) else None
    return params if isinstance(params, Mapping) else None


def refuse_misspelt(
    block: tuple[str, ...], given: Mapping[str, Any], table: Table, known: set[str]
) -> list[str]:
    """Refuse a slip of a key that is not there; say which other keys nobody reads."""
    strange = []
    absent = sorted(known - set(given))
    missed = [name for name in absent if name in table and table[name].needed]
    for key, value in given.items():
        if key in known or not isinstance(value, PLAIN):
            continue
        path, elsewhere = dotted(block, key), home_of(block, key)
        if block == keys.ARGUMENTS:
            raise ConfigError(f"{path}: {unknown(str(key), table)}")
        near = None if elsewhere else slip(str(key), absent, missed)
        if near is not None:
            raise ConfigError(
                f"{path}: unknown key, did you mean '{near}'? rl_games would ignore {value!r}. "
                "If your own code reads it, choose a name less alike."
            )
        hint = nearest(str(key), known, ALIKE)
        if elsewhere is not None:
            hint = f"; it belongs under {dotted(elsewhere)}. Move it there, or delete the line."
        strange.append(f"{path}: neither rl_games nor rlg_genpo reads it{hint}")
    return strange


def slip(key: str, absent: Sequence[str], missed: Sequence[str]) -> str | None:
    """The absent key that this is a misspelling of, if any; one that is missed is likelier."""
    for names, cutoff in ((missed, MISSED), (absent, ALIKE)):
        found = nearest(key.lower(), names, cutoff)
        if found != ".":
            return found.split("'")[1]
        close = [name for name in names if one_edit(key.lower(), name)]
        if close:
            return close[0]
    return None


def one_edit(word: str, name: str) -> bool:
    """Whether a letter more, less or other, or two exchanged, makes one of the other."""
    if word == name or abs(len(word) - len(name)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(word, name, strict=False)) if a != b), None)
    if start is None:
        return True
    rest, other = word[start:], name[start:]
    exchanged = rest[1:2] + rest[:1] + rest[2:] == other
    return exchanged or rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]


def home_of(block: tuple[str, ...], key: Any) -> tuple[str, ...] | None:
    """The one other block whose key this is; None where none or several have it."""
    tables = {**keys.BLOCKS, ("network",): keys.TRUNK}
    tables |= {("network", *inner): table for inner, table in keys.TRUNK_BLOCKS.items()}
    homes = [home for home, table in tables.items() if key in table and home[-1:] != block[-1:]]
    homes = [home for home in homes if home[-1:] != ("central_value_config",)]
    return homes[0] if len(homes) == 1 else None


def settle(block: tuple[str, ...], given: Mapping[str, Any], table: Table) -> None:
    """Check each value of a block, and put a number in the place of text that says one."""
    for name, rule in table.items():
        path = dotted(block, name)
        if name not in given:
            if rule.needed:
                raise ConfigError(f"{path}: missing; {rule.needed}")
            continue
        value = given[name]
        if isinstance(value, PLAIN):
            write(given, name, value, valued(value, rule, path))


def valued(value: Any, rule: Rule, path: str) -> Any:
    """A value of the rule's type and in its range."""
    if rule.kind is not object:
        return checked(value, rule.kind, path, {"valid": rule.valid})
    if rule.valid is not None and not rule.valid.holds(value):
        raise wrong(path, rule.valid.text, value)
    return number(value) if rule.valid is keys.ANY_NUMBER and isinstance(value, str) else value


def write(given: Mapping[str, Any], name: str, value: Any, found: Any) -> None:
    if isinstance(value, str) and isinstance(found, float):
        typing.cast(MutableMapping[str, Any], given)[name] = found


def settle_initializer(block: tuple[str, ...], given: Mapping[str, Any]) -> None:
    """Numbers for an initialiser's options; torch fails on one that it does not know."""
    options = keys.INITIALIZERS.get(given.get("name", "default"))
    for key, value in given.items():
        if key == "name" or options is None:
            continue
        path = dotted(block, key)
        if key not in options:
            raise ConfigError(f"{path}: {unknown(str(key), options, 'option')}")
        if key not in ("mode", "distribution", "nonlinearity"):
            write(given, key, value, checked(value, float, path, {}))


def check_schedule(
    config: Mapping[str, Any], bounds: tuple[float, float | None] | None = None
) -> None:
    """Whether an agent of ours can follow ``lr_schedule``.

    Bounds are ``algo.min_lr`` and ``algo.max_lr`` (None: the rate at the start), of a policy that
    has them.
    """
    for name in ("learning_rate", "lr_schedule"):
        if name not in config:
            raise ConfigError(f"{PATH}.{name}: missing; {keys.CONFIG[name].needed}")
    start = checked(config["learning_rate"], *_rule("learning_rate"))
    kind, path, _ = _rule("lr_schedule")
    schedule = checked(config["lr_schedule"], kind, path, {"valid": RATE_RULE})
    if "schedule_type" in config:
        checked(config["schedule_type"], *_rule("schedule_type"))
    if schedule == "linear" and config.get("max_epochs", -1) == -1:
        raise ConfigError(
            f"{PATH}.max_epochs: missing; rl_games' lr_schedule linear counts epochs and does not "
            "fall on max_frames alone."
        )
    if schedule != "adaptive":
        return
    threshold = number(config.get("kl_threshold"))
    if threshold is None or threshold <= 0:
        raise ConfigError(
            f"{PATH}.kl_threshold: lr_schedule adaptive needs a target above 0 (in nats), got "
            f"{config.get('kl_threshold')!r}; or use lr_schedule: linear or constant."
        )
    low, high = bounds or (0.0, None)
    top = start if high is None else high
    if not low <= start <= top:
        raise ConfigError(
            f"{PATH}.learning_rate: {start:g} must lie in [params.algo.min_lr, "
            f"params.algo.max_lr] = [{low:g}, {top:g}]."
        )


def _rule(name: str) -> tuple[Any, str, Mapping[str, Any]]:
    rule = keys.CONFIG[name]
    return rule.kind, f"{PATH}.{name}", {"valid": rule.valid}


def check_bounds(config: Mapping[str, Any]) -> None:
    """``bound_loss_type``, where a bounds loss is asked for."""
    kind = config.get("bound_loss_type", "bound")
    if config.get("bounds_loss_coef") and kind not in ("bound", "regularisation"):
        raise ConfigError(f"{PATH}.bound_loss_type: must be bound or regularisation, got {kind!r}.")
