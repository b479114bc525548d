"""Typed blocks of a YAML file: a frozen dataclass per block, checked once, at the door.

Standard library only. A block's fields are made with :func:`option`, which keeps the field's
documentation and its valid range beside its default; :func:`parse` turns a user's mapping into the
dataclass or raises :class:`ConfigError` with the full key, the value and the way out.
"""

import copy
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from rlg_genpo.errors import ConfigError

Block = TypeVar("Block")

NOUNS = {bool: "true or false", str: "a word", Mapping: "a block of keys"}


@dataclass(frozen=True)
class Valid:
    """A named condition on a value; ``text`` completes the sentence "must be ..."."""

    text: str
    holds: Callable[[Any], bool]


def at_least(low: float) -> Valid:
    return Valid(f"at least {low:g}", lambda value: value >= low)


def positive() -> Valid:
    return Valid("above 0", lambda value: value > 0)


def within(
    text: str, low: float, high: float, open_low: bool = False, open_high: bool = False
) -> Valid:
    def holds(v: float) -> bool:
        return (low < v if open_low else low <= v) and (v < high if open_high else v <= high)

    return Valid(f"in {text}", holds)


def even() -> Valid:
    return Valid("even and at least 2", lambda value: value >= 2 and value % 2 == 0)


def one_of(choices: Sequence[str]) -> Valid:
    return Valid("one of " + ", ".join(choices), lambda value: value in choices)


def widths() -> Valid:
    text = "a list of one or more layer widths, each at least 1"
    return Valid(text, lambda units: len(units) > 0 and all(width >= 1 for width in units))


def option(default: Any, doc: str, valid: Valid | None = None, identity: bool = False) -> Any:
    """A documented field of a block; ``default`` may be a list.

    Args:
        identity: whether another value means another policy though no tensor changes its shape, so
            that a checkpoint of the one must not be loaded as the other.
    """
    metadata = {"doc": doc, "valid": valid, "identity": identity}
    if isinstance(default, (list, tuple)):
        return field(default=tuple(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def parse(block: type[Block], given: Any, path: str, strict: bool = True) -> Block:
    """Check a user's mapping against the dataclass ``block``; ``path`` is its full YAML key.

    Args:
        strict: whether a key that ``block`` does not have is refused; else it is left alone.

    Raises:
        ConfigError: not a mapping, an unknown key, a wrong type, or a value out of range.
    """
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise wrong(path, "a block of keys", given)
    types_of = typing.get_type_hints(block)
    known = {f.name: f for f in fields(block)}  # type: ignore[arg-type]
    for key in given if strict else ():
        if key not in known:
            raise ConfigError(f"{path}.{key}: {unknown(str(key), known)}")
    values = {}
    for name, spec in known.items():
        if name in given:
            values[name] = checked(given[name], types_of[name], f"{path}.{name}", spec.metadata)
        elif spec.default is MISSING:
            raise ConfigError(f"{path}.{name}: missing; {spec.metadata['doc']}")
    return block(**values)


def unknown(key: str, known: typing.Iterable[str], noun: str = "key") -> str:
    """The sentence about an unknown key or name, with the nearest known one."""
    names = list(known)
    return f"unknown {noun}{nearest(key, names)} Known {noun}s: {', '.join(names)}."


def nearest(word: str, names: typing.Iterable[str], cutoff: float = 0.5) -> str:
    """The end of a sentence about an unknown word: ", did you mean 'x'?", or a full stop."""
    near = get_close_matches(word, list(names), n=1, cutoff=cutoff)
    return f", did you mean '{near[0]}'?" if near else "."


def block_of(given: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    """The block that must stand under a name.

    Raises:
        ConfigError: it does not; names what may have been meant by it, or what stands there.
    """
    if name not in given:
        raise ConfigError(f"{path}: missing, or not a block of keys.{meant(name, given)}")
    if not isinstance(given[name], Mapping):
        raise wrong(path, "a block of keys", given[name])
    return given[name]


def meant(name: str, given: typing.Iterable[str]) -> str:
    """A sentence with the key that may be a slip of a missing one; nothing where none is near."""
    near = nearest(name, map(str, given), 0.6)
    return "" if near == "." else f" Rename {near.split(chr(39))[1]!r}, if that is meant for it."


def checked(value: Any, kind: Any, path: str, metadata: Mapping[str, Any]) -> Any:
    """A value of the type ``kind`` (a number, a word, a list, a block, ``| None``) and in range."""
    value = _typed(value, kind, path)
    valid: Valid | None = metadata.get("valid")
    if valid is not None and value is not None and not valid.holds(value):
        shown = list(value) if isinstance(value, tuple) else value
        raise ConfigError(f"{path}: must be {valid.text}, got {shown}.")
    return value


def _typed(value: Any, kind: Any, path: str) -> Any:
    if isinstance(kind, types.UnionType):  # only ``X | None`` is used
        if value is None:
            return None
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise wrong(path, "a list", value)
        return tuple(_typed(item, inner, f"{path}[{i}]") for i, item in enumerate(value))
    if is_dataclass(kind):
        return parse(typing.cast(type, kind), value, path)
    return _scalar(value, kind, path)


def _scalar(value: Any, kind: Any, path: str) -> Any:
    # bool is an int in Python, and YAML 1.1 reads 1e-3 as a string.
    if kind is float:
        converted = number(value)
        if converted is None:
            raise wrong(path, "a number", value)
        return converted
    if kind is int and (isinstance(value, bool) or not isinstance(value, int)):
        raise wrong(path, "a whole number", value)
    for plain, noun in NOUNS.items():
        if kind is plain and not isinstance(value, plain):
            raise wrong(path, noun, value)
    return value


def wrong(path: str, noun: str, value: Any) -> ConfigError:
    """The sentence about a value of another type; a key that is left empty has None."""
    end = ", as the key is left empty; write one, or delete the line." if value is None else "."
    return ConfigError(f"{path}: must be {noun}, got {value!r}{end}")


def number(value: Any) -> float | None:
    """A finite float from a number, or from a string as YAML 1.1 reads 1e-3; None from the rest."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        converted = float(value)
    except (ValueError, OverflowError):
        return None
    return converted if converted - converted == 0 else None


def unshared(value: Any) -> Any:
    """A copy of blocks and lists in which none stands at two places, as a YAML's anchors make it.

    A change at one place would be one at the other, too.
    """
    if isinstance(value, dict):
        copied = copy.copy(value)  # of its own type
        for key, inner in value.items():
            copied[key] = unshared(inner)
        return copied
    return [unshared(inner) for inner in value] if isinstance(value, list) else value
