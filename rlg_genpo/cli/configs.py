"""Finding, reading and overriding a training configuration."""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from rlg_genpo.algorithm import policy_blocks
from rlg_genpo.common.schema import nearest, unshared
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import keys
from rlg_genpo.isaaclab.tasks import entry_points
from rlg_genpo.shipped import FOLDER, ISAAC_LAB

Params = dict[str, Any]

#: before the names of the configurations for Isaac Lab's tasks
PREFIX = "isaaclab/"


#: what PyYAML raises of a text; a tag or a number that Python cannot make is no YAMLError
MALFORMED = (
    yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError,
    RecursionError,
)  # fmt: skip
#: more keys and values than any configuration has; anchors can make millions of a few lines
MOST_NODES = 100_000


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also reads ``3e-4`` as a number, as YAML 1.2 does.

    It refuses a key that stands twice in a block, of which PyYAML would take the last.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            name, line = key.value, key.start_mark.line + 1
            if isinstance(name, str) and key.tag != MERGE:
                if name in first:
                    raise Twice(f"the key {name} stands twice, in lines {first[name]} and {line}")
                first[name] = line
        return super().construct_mapping(node, deep)


class Twice(yaml.YAMLError):
    """A key that stands twice in a block."""


class Dumper(yaml.SafeDumper):
    """PyYAML's, which puts what :class:`Loader` would take for a number into quotes."""


MERGE = "tag:yaml.org,2002:merge"
for both in (Loader, Dumper):
    both.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
        list("-+.0123456789"),
    )


def parsed(text: str) -> Any:
    """What a YAML text says, in blocks of its own: an anchor's is copied wherever it is named.

    Raises:
        ConfigError: it is no YAML, has a key twice, or more in it than a configuration.
    """
    try:
        value = yaml.load(text, Loader)
        refuse_huge(value)
        return unshared(value)
    except Twice as error:
        raise ConfigError(f"{error}; delete one of them.") from error
    except MALFORMED as error:
        raise ConfigError(f"not valid YAML: {error}") from error


def refuse_huge(value: Any, left: int = MOST_NODES) -> int:
    """Count values, each as often as anchors repeat it; returns how many may follow."""
    if left <= 0:
        raise ValueError(f"more than {MOST_NODES} values")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        left = refuse_huge(one, left - 1)
    return left


def shipped() -> dict[str, Path]:
    """Shipped configurations that train here, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def for_isaac_lab() -> dict[str, Path]:
    """Shipped configurations for Isaac Lab's own scripts, by name, as in ``isaaclab/ant_genpo``."""
    return {f"{PREFIX}{path.stem}": path for path in sorted(ISAAC_LAB.glob("*.yaml"))}


def find(word: str) -> Path:
    """A configuration by its shipped name or its path."""
    configs = shipped() | for_isaac_lab()
    if word in configs:
        return configs[word]
    path = Path(word)
    if path.is_file():
        return path
    if path.is_dir() and (path / "config.yaml").is_file():
        return path / "config.yaml"
    agents = entry_points(word)
    if agents:
        names = (f"{PREFIX}{Path(file.partition(':')[2]).stem}" for file in agents.values())
        raise ConfigError(
            f"CONFIG: {word} is a task of Isaac Lab; its configurations are {', '.join(names)}, "
            f"which its train.py takes by --agent {', '.join(agents)}."
        )
    if path.suffix in (".yaml", ".yml"):
        raise ConfigError(f"CONFIG: no file {word}. `rlg-genpo list` shows the shipped names.")
    raise ConfigError(
        f"CONFIG: no shipped configuration and no file is called {word!r}"
        f"{nearest(word, configs)} `rlg-genpo list` shows the shipped names."
    )


def load(path: Path) -> Params:
    """``params`` of a YAML file."""
    try:
        document = parsed(text_of(path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    params = document.get("params") if isinstance(document, Mapping) else None
    if not isinstance(params, dict):
        raise ConfigError(f"{path}: must be a block of keys with `params:` at the top.")
    return params


def words_elsewhere(path: Path) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where a file has numbers, such as 1e-3, that YAML 1.1 reads as text; and how they stand."""

    def differing(here: Any, there: Any, at: tuple[str | int, ...]) -> Iterator[Any]:
        if isinstance(here, float) and isinstance(there, str):
            yield at, there
        inner = here.items() if isinstance(here, dict) else ()
        for key, value in enumerate(here) if isinstance(here, list) else inner:
            yield from differing(value, there[key], (*at, key))

    text = text_of(path)
    return differing(parsed(text), yaml.safe_load(text), ())


def text_of(path: Path) -> str:
    """What stands in a file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}).") from error
    # Notepad writes a mark before UTF-8, and UTF-16 with one.
    utf_16 = content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        return content.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"line {line} holds the byte 0x{content[error.start]:02x}, which is no UTF-8; save the "
            "file as UTF-8."
        ) from error


def dump(params: Params) -> str:
    """``params`` as YAML text that :func:`load` reads back."""
    return yaml.dump({"params": params}, Dumper=Dumper, sort_keys=False)


def override(params: Params, assignments: Iterable[str]) -> None:
    """Set each ``block.key=value``, in place."""
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise ConfigError(f"{assignment!r}: an override reads key=value, without spaces.")
        key = re.sub(r"^(agent\.)?params\.", "", key)
        try:
            value = parsed(text)
        except ConfigError as error:
            raise ConfigError(f"params.{key}: {text!r} is not a YAML value; {error}") from error
        assign(params, key.split("."), value)


def assign(params: Params, path: list[str], value: Any) -> None:
    """Set one key, making blocks that rl_games knows where the file has none."""
    block = params
    for depth, key in enumerate(path):
        refuse_unknown(block, path[:depth], key)
        if depth == len(path) - 1:
            block[key] = value
            return
        if block.get(key) is None:
            block[key] = {}
        if not isinstance(block[key], dict):
            here = ".".join(["params", *path[: depth + 1]])
            raise ConfigError(f"{here}: is a value, {block[key]!r}, not a block of keys.")
        block = block[key]


def refuse_unknown(block: Mapping[str, Any], parents: list[str], key: str) -> None:
    """Refuse an override of a key which rl_games would silently ignore."""
    names = keys.names(parents)
    if key in block or names is None:
        return
    if parents == ["network"]:
        names |= {path.rpartition(".")[2] for path in policy_blocks()}
    if key in names:
        return
    raise ConfigError(
        f"{'.'.join(['params', *parents, key])}: unknown key{nearest(key, {*names, *block})} "
        "If your own code reads it, put it into the YAML file."
    )
