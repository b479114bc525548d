"""COST.md: a block of tables for each kind of device, beside whatever prose stands there.

What was measured is kept as JSON beside the picture, so that a run of some parts replaces those
and leaves the others' tables standing.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from learning import fill_in

from costs import bars, figure
from costs.plan import Plan, Row, unique
from rlg_genpo.cli import machine

PACKAGES = ("python", "torch", "rl-games", "rlg_genpo", "envpool", "vmas")
DEVICES = {"cpu": "On a CPU", "cuda": "On a GPU"}
MISSING = """## On a GPU

Missing. On a machine with a CUDA device this command fills it, with 4096 environments:

    python benchmarks/cost.py --device cuda

{bars}"""
HEAD = """# What the policies cost

`python benchmarks/cost.py` measures this on your machine. Contestants take turns, round by round,
so that a machine's noise falls on all alike; a ratio is the median over the rounds of the ratio
within a round, and the absolute figure beside it is a median too.
"""


def write(parts: Mapping[str, Any], measured: dict[str, list[Row]], plan: Plan, **said: Any) -> str:
    """Put a run into the documents; returns the device's block.

    Args:
        parts: every part's module by name, in order.
        measured: this run's rows by part.
        said: ``command`` and ``docs``, the folder of COST.md.
    """
    docs: Path = said["docs"]
    name = "cost" if plan.device == "cpu" else f"cost_{plan.device}"
    store = docs / "results" / f"{name}.json"
    kept: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    for part, rows in measured.items():
        kept[part] = {
            "command": said["command"] + (" (tiny sizes, one repeat)" if plan.quick else ""),
            "machine": about(plan.device),
            "notes": [n for n in plan.notes if n.lower().startswith(part)],
            "rows": [asdict(row) for row in rows],
        }
    kept = {part: kept[part] for part in parts if part in kept}
    rows = {part: [Row(**row) for row in found["rows"]] for part, found in kept.items()}
    figure.draw(rows, store.with_suffix(".png"))
    store.write_text(json.dumps(kept, indent=1) + "\n")
    text = block(parts, kept, rows, plan.device, f"results/{name}.png")
    document = docs / "COST.md"
    if not document.exists():
        document.write_text(HEAD)
    fill_in(document, f"cost {plan.device}", text)
    if "<!-- cost cuda -->" not in document.read_text():
        fill_in(document, "cost cuda", MISSING.format(bars=bars.table({}, "cuda")))
    return text


def block(
    parts: Mapping[str, Any],
    kept: dict[str, Any],
    rows: dict[str, list[Row]],
    device: str,
    picture: str,
) -> str:
    """Bars, picture and tables of a device."""
    lines = [f"## {DEVICES[device]}", ""]
    sources = unique([source(found) for found in kept.values()])
    if len(sources) == 1:
        lines += [sources[0], ""]
    if any("tiny sizes" in found["command"] for found in kept.values()):
        lines += ["**A quick look: tiny sizes and one repeat; the figures mean nothing.**", ""]
    lines += ["### The bars", "", bars.table(rows, device), "", f"![costs]({picture})", ""]
    for part, found in kept.items():
        lines += [f"### {parts[part].TITLE}", ""]
        if len(sources) > 1:
            lines += [source(found), ""]
        lines += [parts[part].TEXT, ""]
        for note in found["notes"]:
            lines.append(f"- {note}")
        if found["notes"]:
            lines.append("")
        lines += [parts[part].table(rows[part]), ""]
    return "\n".join(lines).rstrip()


def source(found: Mapping[str, Any]) -> str:
    """What was run, and on what."""
    return f"`{found['command']}`; {found['machine']}."


def about(device: str) -> str:
    """The machine and the versions that a figure depends on."""
    versions = machine.versions()
    said = [f"{name} {versions[name]}" for name in PACKAGES if name in versions]
    threads = f"{machine.cores()} cores, one torch thread"
    where = f"{machine.device_name('cuda:0')}, " if device == "cuda" else ""
    return f"{where}{processor()}, {threads}; {', '.join(said)}"


def processor() -> str:
    """Its model where the system says it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()} ({platform.machine()})"
    except OSError:
        pass
    return platform.machine()
