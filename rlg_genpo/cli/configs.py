"""Finding, reading and overriding a training configuration."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from rlg_genpo.algorithm import policy_blocks
from rlg_genpo.common.schema import nearest
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import keys
from rlg_genpo.isaaclab.tasks import entry_points
from rlg_genpo.shipped import FOLDER, ISAAC_LAB

Params = dict[str, Any]

#: before the names of the configurations for Isaac Lab's tasks
PREFIX = "isaaclab/"


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also reads ``3e-4`` as a number, as YAML 1.2 does."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


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
        document = yaml.load(path.read_text(), Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    params = document.get("params") if isinstance(document, Mapping) else None
    if not isinstance(params, dict):
        raise ConfigError(f"{path}: must be a block of keys with `params:` at the top.")
    return params


def dump(params: Params) -> str:
    """``params`` as YAML text that :func:`load` reads back."""
    return yaml.safe_dump({"params": params}, sort_keys=False)


def override(params: Params, assignments: Iterable[str]) -> None:
    """Set each ``block.key=value``, in place."""
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise ConfigError(f"{assignment!r}: an override reads key=value, without spaces.")
        key = re.sub(r"^(agent\.)?params\.", "", key)
        try:
            value = yaml.load(text, Loader)
        except yaml.YAMLError as error:
            raise ConfigError(f"params.{key}: {text!r} is not a YAML value.") from error
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
