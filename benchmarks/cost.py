"""What does a policy cost? Trains configs in turn, alone, and compares time and memory per frame.

    python benchmarks/cost.py halfcheetah ant --frames 200000 --repeats 3

For each task the policies' shipped configs run one after the other, round by round, each in a
process of its own with one thread, so that a machine's noise falls on all alike. The times are of
the epochs after the first, which pays for the start. ``--common KEY=VALUE`` sets something for all,
such as ``config.horizon_length=64``. The table goes between the markers ``<!-- cost -->`` and
``<!-- end -->`` of docs/RESULTS.md.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from learning import ROOT, fill_in

POLICIES = {
    "ppo": "Gaussian PPO",
    "genpo": "GenPO",
    "cppo": "CPPO",
    "central_ppo": "Gaussian PPO, central critic",
    "ddpl": "DDPL",
}


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    wall: float  # seconds per million frames
    cpu: float  # processor seconds per million frames
    memory: float  # MB, the process's peak


def measure(config: str, frames: int, common: list[str], folder: Path) -> Cost:
    """Train once."""
    shutil.rmtree(folder, ignore_errors=True)
    program = str(Path(sys.executable).parent / "rlg-genpo")
    command = [program, "train", config, "--seed", "1", "--frames", str(frames)]
    command += ["--runs", str(folder.parent), "--name", folder.name, *common]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    with open(folder / "progress.csv") as file:
        rows = list(csv.DictReader(file))
    first, last = rows[0], rows[-1]
    millions = (int(last["frame"]) - int(first["frame"])) / 1e6
    return Cost(
        (float(last["wall_seconds"]) - float(first["wall_seconds"])) / millions,
        (float(last["cpu_seconds"]) - float(first["cpu_seconds"])) / millions,
        json.loads((folder / "run.json").read_text())["peak_memory_mb"],
    )


def rows_of(task: str, costs: dict[str, list[Cost]]) -> list[str]:
    """Medians, and their ratios to the Gaussian's."""
    middle = {
        policy: Cost(*(median(getattr(c, key) for c in runs) for key in ("wall", "cpu", "memory")))
        for policy, runs in costs.items()
    }
    base = middle["ppo"]
    return [
        f"| {task} | {POLICIES[policy]} | {1e6 / cost.wall:,.0f} | {cost.wall / base.wall:.2f} | "
        f"{cost.cpu / base.cpu:.2f} | {cost.memory:.0f} | {cost.memory / base.memory:.2f} |"
        for policy, cost in middle.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("tasks", nargs="+", help="stems of shipped configs, such as halfcheetah")
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--common", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--policies", nargs="+", choices=POLICIES, default=["ppo", "genpo", "cppo"], metavar="NAME"
    )
    parser.add_argument("--table", default="cost", help="where in docs/RESULTS.md the table stands")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    args = parser.parse_args()
    lines = [
        "| task | policy | frames/s | wall, ratio | processor time, ratio | peak MB | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for task in args.tasks:
        costs: dict[str, list[Cost]] = {policy: [] for policy in args.policies}
        for _ in range(args.repeats):
            for policy, found in costs.items():
                folder = ROOT / "runs" / "bench" / "cost" / f"{task}_{policy}"
                found.append(measure(f"{task}_{policy}", args.frames, args.common, folder))
        lines += rows_of(task, costs)
    command = f"python benchmarks/cost.py {' '.join(sys.argv[1:])}"
    text = "\n".join(lines)
    print(text)
    fill_in(args.docs / "RESULTS.md", args.table, f"`{command}`\n\n{text}")


if __name__ == "__main__":
    main()
