"""A policy's part of an rl_games YAML as text, each option with its default and its documentation.

Standard library only. ``rlg-genpo swap`` and the generators of the shipped files write with it.
"""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

from rlg_genpo.common.config import PolicyConfig

WIDTH = 100
#: where comments begin, so that they stand below each other
COMMENT_COLUMN = 32


def head(
    config: type[PolicyConfig], name: str, network: str, values: Mapping[str, Any], rest: str = ""
) -> str:
    """``algo``, ``model`` and ``network`` of a policy, indented to stand in ``params``.

    Args:
        config: the policy's settings.
        name: of algorithm and model.
        network: name of the network.
        values: what differs from the defaults, by path below ``params``.
        rest: text of the network's other keys, such as ``mlp``, not indented.

    Raises:
        KeyError: a path of ``values`` is no option.
    """
    left = dict(values)
    lines = ["algo:", f"  name: {name}", *_block(config, "algo", left)]
    lines += ["", "model:", f"  name: {name}", "", "network:", f"  name: {network}"]
    for _, _, path in config.blocks():
        if path.startswith("network."):
            lines += _block(config, path, left)
    lines += textwrap.indent(rest, "  ").splitlines()
    if left:
        raise KeyError(f"no options of {name}: {', '.join(left)}")
    return textwrap.indent("\n".join(lines) + "\n", "  ")


def _block(config: type[PolicyConfig], path: str, values: dict[str, Any]) -> Iterator[str]:
    kind = next((kind for _, kind, own in config.blocks() if own == path), None)
    key = path.rpartition(".")[2]
    if not is_dataclass(kind):
        listed = values.pop(path, None)
        if listed is not None:
            yield f"  {key}:"
            yield from (f"    - {_plain(one)}" for one in listed)
        return
    if path != "algo":
        yield f"  {key}:"
    indent = " " * (2 if path == "algo" else 4)
    for option in fields(kind):
        yield from _option(option, values.pop(f"{path}.{option.name}", option.default), indent)


def _option(option: Field[Any], value: Any, indent: str) -> Iterator[str]:
    setting, doc = f"{indent}{option.name}: {_plain(value)}", option.metadata["doc"]
    line = f"{setting.ljust(COMMENT_COLUMN - 3)} # {doc}"
    # The whole is indented by two more.
    if len(line) <= WIDTH - 2:
        yield line
        return
    yield from textwrap.wrap(
        doc, WIDTH - 2, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}#   "
    )
    yield setting


def _plain(value: Any) -> str:
    """A value as YAML 1.1 reads it back."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_plain, value)) + "]"
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")
        return mantissa + (".0" if e and "." not in mantissa else "") + e + exponent
    return str(value)
