"""Does a swap of a trained Gaussian keep its return, and does training go on from there?

    python benchmarks/warm_start.py --jobs 2
    python benchmarks/warm_start.py --report      # no training

Trains a Gaussian on HalfCheetah and Ant for a million frames, swaps it with its checkpoint, and
trains on for 0.3 million: the Gaussian by itself, and GenPO and conditional PPO from its swapped
checkpoint, with the Gaussian's settings throughout. Runs lie under ``runs/bench/warm_start``; what
is finished is left alone. Writes the block ``<!-- warm start -->`` of docs/RESULTS.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from learning import ROOT, Curve, fill_in

FOLDER = ROOT / "runs" / "bench" / "warm_start"
TASKS = {
    "halfcheetah": ("config.kl_threshold=0.016", "network.space.continuous.sigma_init.val=-0.7"),
    "ant": ("config.kl_threshold=0.016", "network.space.continuous.sigma_init.val=-1.2"),
}
COMMON = ("config.horizon_length=32", "config.minibatch_size=1024")
SEEDS = (1, 2, 3)
POLICIES = ("genpo", "cppo")
FRAMES, MORE = 1_000_000, 300_000


def command(*words: object) -> None:
    """Run ``rlg-genpo`` in one thread."""
    subprocess.run(
        [sys.executable, "-m", "rlg_genpo.cli", *map(str, words)],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def train(folder: Path, *words: object) -> None:
    if not (folder / "done").exists():
        command("train", *words)
        (folder / "done").touch()


def evaluate(out: Path, *words: object) -> None:
    if not out.exists():
        command("eval", *words, "--episodes", 64, "--device", "cpu", "--json", out)


def one(task: str, seed: int) -> None:
    """A Gaussian, its swaps, and what becomes of all of them."""
    name = f"{task}_seed{seed}"
    ppo = FOLDER / f"{name}_ppo"
    new = ("--runs", FOLDER, "--seed", seed, "--name")
    train(ppo, f"{task}_ppo", "--frames", FRAMES, *new, ppo.name, *COMMON, *TASKS[task])
    evaluate(FOLDER / f"{name}_ppo.json", ppo)
    on = FOLDER / f"{name}_ppo_on"
    if not on.exists():
        shutil.copytree(ppo, on, ignore=shutil.ignore_patterns("done"))
    train(on, "--resume", on, "--frames", FRAMES + MORE)
    evaluate(FOLDER / f"{name}_ppo_on.json", on)
    for policy in POLICIES:
        yaml, folder = FOLDER / f"{name}_{policy}.yaml", FOLDER / f"{name}_{policy}_on"
        weights = yaml.with_suffix(".pth")
        if not weights.exists():
            checkpoint = ppo / "nn" / "last.pth"
            command(
                *("swap", ppo / "config.yaml", "--policy", policy),
                *("--out", yaml, "--checkpoint", checkpoint),
            )
        evaluate(FOLDER / f"{name}_{policy}.json", weights, "--config", yaml)
        train(folder, yaml, "--resume", weights, "--frames", MORE, *new, folder.name)
        evaluate(FOLDER / f"{name}_{policy}_on.json", folder)


def score(name: str) -> float:
    """Mean return of sampled actions."""
    return json.loads((FOLDER / f"{name}.json").read_text())["results"]["sampled"]["mean"]


def table(tasks: list[str]) -> str:
    """Rows of a task and a policy: return right after the swap, and after more frames."""
    lines = [
        "| task | policy | at the swap | each seed | after 0.3 M more | each seed | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for task in tasks:
        for policy in ("ppo", *POLICIES):
            names = [f"{task}_seed{seed}_{policy}" for seed in SEEDS]
            before, after = ([score(name + end) for name in names] for end in ("", "_on"))
            spent = [Curve.read(FOLDER / f"{name}_on").cpu_seconds[-1] for name in names]
            cells = [task, policy, *spread(before), *spread(after), f"{np.mean(spent):.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: list[float]) -> tuple[str, str]:
    return f"{np.mean(values):.0f} ({np.std(values):.0f})", ", ".join(f"{v:.0f}" for v in values)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--report", action="store_true", help="write the table only")
    args = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not args.report:
        with ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(lambda case: one(*case), [(t, s) for s in SEEDS for t in args.tasks]))
    said = (
        "`python benchmarks/warm_start.py`; x86_64, 2 cores, no GPU, one thread a run. Returns are "
        "means of 64 episodes of sampled actions.\n\n"
    )
    fill_in(ROOT / "docs" / "RESULTS.md", "warm start", said + table(args.tasks))


if __name__ == "__main__":
    main()
