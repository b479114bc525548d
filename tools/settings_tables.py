"""Writes what the documentation lists (policies, settings, simulators, commands) from the code.

    python tools/settings_tables.py            write it
    python tools/settings_tables.py --check    exit 1 if a list differs from what would be written

Each list stands between ``<!-- NAME -->`` and ``<!-- end -->``, where NAME is one of
``policies``, ``settings POLICY`` (a table of each of the policy's blocks), ``simulators`` (a table
of the options of each of our adapters) and ``commands`` (the options of each command).
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

import click
import yaml_files

from rlg_genpo.algorithm import algorithms
from rlg_genpo.cli.commands import program
from rlg_genpo.common.yaml_head import plain
from rlg_genpo.envs import SIMULATORS
from rlg_genpo.envs.simulator import Adapter

ROOT = yaml_files.TASK_CONFIGS.parent
DOCUMENTS = ("README.md", "docs/settings.md", "docs/commands.md")
NAMES = "policies|settings \\w+|simulators|commands"
PLACE = re.compile(rf"(<!-- ({NAMES}) -->\n).*?(<!-- end -->\n)", flags=re.DOTALL)


def policies() -> str:
    """A row for every policy of this package."""
    rows = ["| policy | name | paper | year | configs |", "|---|---|---|---|---|"]
    for name, algorithm in algorithms().items():
        paper = algorithm.paper
        assert paper is not None
        link = f"[{paper.title}]({paper.url})"
        rows.append(f"| {algorithm.title} | `{name}` | {link} | {paper.year} | `*_{name}.yaml` |")
    return "\n".join(rows) + "\n"


def simulators() -> str:
    """A table of ``env_config`` for each of our adapters."""
    adapters = [each for each in SIMULATORS.values() if isinstance(each, Adapter)]
    found = [
        "\n".join(
            [f"### {each.name}", "", "| `config.env_config.` | default | |", "|---|---|---|"]
            + [row(option) for option in fields(each.options)]
        )
        for each in adapters
    ]
    return "\n\n".join(found) + "\n"


def commands() -> str:
    """The help of every command, as a terminal shows it."""
    return "\n".join(shown(name, command) for name, command in program.commands.items())


def shown(name: str, command: click.Command) -> str:
    settings = {**program.context_settings, "terminal_width": 90}
    parent = click.Context(program, info_name="rlg-genpo", **settings)
    context = click.Context(command, info_name=name, parent=parent, **settings)
    return f"### rlg-genpo {name}\n\n```text\n{command.get_help(context)}\n```\n"


LISTS = {"policies": policies, "simulators": simulators, "commands": commands}


def tables(policy: str) -> str:
    """The policy's blocks, each a table, and its presets; a list of entries has no defaults."""
    algorithm = algorithms()[policy]
    found = [
        "\n".join([f"| `{path}.` | default | |", "|---|---|---|", *map(row, fields(kind))])
        for _, kind, path in algorithm.config.blocks()
        if is_dataclass(kind)
    ]
    if algorithm.presets:
        presets = [f"| {name} | {listed(one)} |" for name, one in algorithm.presets.items()]
        found.append("\n".join(["| preset | differs from the defaults |", "|---|---|", *presets]))
    return "\n\n".join(found) + "\n"


def listed(preset: Mapping[str, Any]) -> str:
    return ", ".join(f"`{path}: {plain(value)}`" for path, value in preset.items())


def row(option: Field[Any]) -> str:
    default = "" if option.default is MISSING else f"`{plain(option.default)}`"
    cells = (f"`{option.name}`", default, option.metadata["doc"])
    # Markdown ends a cell at a bar.
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def filled(place: re.Match[str]) -> str:
    name = place[2]
    text = LISTS[name]() if name in LISTS else tables(name.removeprefix("settings "))
    return f"{place[1]}\n{text}\n{place[3]}"


def written() -> dict[str, str]:
    """File name to text."""
    return {name: PLACE.sub(filled, (ROOT / name).read_text()) for name in DOCUMENTS}


if __name__ == "__main__":
    sys.exit(yaml_files.run(__doc__, ROOT, written(), "tools/settings_tables.py"))
