"""A policy's part of an rl_games YAML as text, each option with its value and what it is.

The comment is the first clause of the option's documentation, up to a semicolon, with the words
that it may be; the documentation's tables have the whole. Standard library only. ``rlg-genpo swap``
and the generators of the shipped files write with it.
"""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

from rlg_genpo.common.config import PolicyConfig

WIDTH = 100
#: where comments begin, so that they stand below each other
COMMENT_COLUMN = 32
#: the text indented by this stands in ``params``
INDENT = "  "
#: more words than this are not listed in a comment
MAX_CHOICES = 4

_CHOICES = "one of "
#: text that YAML 1.1 reads as text, unless it is one of its other words
_WORD = re.compile(r"[A-Za-z_][\w./-]*")
_OTHER_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


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
    return textwrap.indent("\n".join(lines) + "\n", INDENT)


def plain(value: Any) -> str:
    """A value as YAML 1.1 reads it back."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {plain(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(plain, value)) + "]"
    if isinstance(value, float):
        # Without a point YAML 1.1 reads 1e-05 as text.
        mantissa, e, exponent = repr(value).partition("e")
        return mantissa + (".0" if e and "." not in mantissa else "") + e + exponent
    if isinstance(value, str) and (not _WORD.fullmatch(value) or value.lower() in _OTHER_WORDS):
        return json.dumps(value)
    return str(value)


def _block(config: type[PolicyConfig], path: str, values: dict[str, Any]) -> Iterator[str]:
    kind = next((kind for _, kind, own in config.blocks() if own == path), None)
    key = path.rpartition(".")[2]
    if not is_dataclass(kind):
        listed = values.pop(path, None)
        if listed is not None:
            yield f"  {key}:"
            yield from (f"    - {plain(one)}" for one in listed)
        return
    if path != "algo":
        yield f"  {key}:"
    indent = " " * (2 if path == "algo" else 4)
    for option in fields(kind):
        yield from _option(option, values.pop(f"{path}.{option.name}", option.default), indent)


def _option(option: Field[Any], value: Any, indent: str) -> Iterator[str]:
    setting, width = f"{indent}{option.name}: {plain(value)}", WIDTH - len(INDENT)
    comment = _comment(option)
    line = f"{setting.ljust(COMMENT_COLUMN - len(INDENT) - 1)} # {comment}"
    if len(line) <= width:
        yield line
        return
    yield from textwrap.wrap(
        comment, width, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}#   "
    )
    yield setting


def _comment(option: Field[Any]) -> str:
    comment = option.metadata["doc"].partition(";")[0].replace("`", "")
    valid = option.metadata["valid"]
    if valid is not None and valid.text.startswith(_CHOICES):
        choices = valid.text.removeprefix(_CHOICES).split(", ")
        if len(choices) <= MAX_CHOICES:
            comment += f": {', '.join(choices)}"
    return comment
