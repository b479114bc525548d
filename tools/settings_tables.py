"""Writes the tables of policies and settings in the documentation from the declarations.

    python tools/settings_tables.py            write them
    python tools/settings_tables.py --check    exit 1 if one differs from what would be written

Each ends at ``<!-- end -->``. The policies stand behind ``<!-- policies -->``, a table of each of a
policy's blocks behind ``<!-- settings NAME -->``.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

import yaml_files

from rlg_genpo.algorithm import algorithms
from rlg_genpo.common.yaml_head import plain

ROOT = yaml_files.TASK_CONFIGS.parent
DOCUMENTS = ("README.md", "docs/ddpl.md")
PLACE = re.compile(r"(<!-- (?:policies|settings (\w+)) -->\n).*?(<!-- end -->\n)", flags=re.DOTALL)


def policies() -> str:
    """A row for every policy of this package."""
    rows = ["| policy | name | paper | year | configs |", "|---|---|---|---|---|"]
    for name, algorithm in algorithms().items():
        paper = algorithm.paper
        assert paper is not None
        link = f"[{paper.title}]({paper.url})"
        rows.append(f"| {algorithm.title} | `{name}` | {link} | {paper.year} | `*_{name}.yaml` |")
    return "\n".join(rows) + "\n"


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
    cells = (f"`{option.name}`", f"`{plain(option.default)}`", option.metadata["doc"])
    # Markdown ends a cell at a bar.
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def written() -> dict[str, str]:
    """File name to text."""
    return {
        name: PLACE.sub(
            lambda place: f"{place[1]}\n{tables(place[2]) if place[2] else policies()}\n{place[3]}",
            (ROOT / name).read_text(),
        )
        for name in DOCUMENTS
    }


if __name__ == "__main__":
    sys.exit(yaml_files.run(__doc__, ROOT, written(), "tools/settings_tables.py"))
