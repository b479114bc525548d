"""Does it learn in Isaac Lab 3.0? Trains Isaac-Ant-Direct by Isaac Lab's own command, on a CPU.

    python benchmarks/isaaclab.py --jobs 2 --assets FOLDER     # in the environment of test-isaaclab
    python benchmarks/isaaclab.py --report                     # no training

``tests/isaaclab3/assets.py`` fills FOLDER with stand-ins for Isaac Lab's assets. Each policy trains
with its shipped configuration, in 256 environments; the Gaussian with Isaac Lab's own file, whose
minibatch is as large a share of the rollout as in 4096. Runs lie under ``runs/bench/isaaclab``;
what is finished is left alone. Writes the block ``<!-- isaaclab -->`` of docs/RESULTS.md.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).parent.parent
TASK, ENVS, HORIZON = "Isaac-Ant-Direct", 256, 16
FRAMES = 1_200_000
MARKS = (400_000, 600_000, 800_000, FRAMES)
POLICIES = {
    "GenPO": ("--agent", "rl_games_genpo_cfg_entry_point"),
    "CPPO": ("--agent", "rl_games_cppo_cfg_entry_point"),
    "Gaussian PPO, Isaac Lab's own": (f"agent.params.config.minibatch_size={ENVS * 8}",),
}
#: rl_games' mean return of the latest episodes
RETURN, WINDOW = "rewards/step", 100_000


def folder_of(runs: Path, policy: str, seed: int) -> Path:
    return runs / f"{policy.split(',')[0].replace(' ', '_')}_seed{seed}"


def train(runs: Path, assets: Path, policy: str, seed: int) -> None:
    folder = folder_of(runs, policy, seed)
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    config = {"device": "cpu", "device_name": "cpu", "torch_compile": False}
    words = ("--num_envs", ENVS, "--max_iterations", -(-FRAMES // (ENVS * HORIZON)))
    command = [sys.executable, "-m", "isaaclab", "train", "--rl_library", "rl_games"]
    command += ["--task", TASK, *POLICIES[policy], *map(str, words), "--seed", str(seed)]
    command += ["--device", "cpu"] + [f"agent.params.config.{k}={v}" for k, v in config.items()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ISAACSIM_ASSET_ROOT": str(assets)}
    with open(folder / "log", "w") as log:
        done = subprocess.run(command, cwd=folder, stdout=log, stderr=log, env=environment)
    if done.returncode == 0:
        (folder / "done").touch()
    print("FAILED" if done.returncode else "done  ", folder.name, flush=True)


def returns(folder: Path) -> list[float]:
    """Mean training return over the :data:`WINDOW` frames before each of :data:`MARKS`."""
    (events,) = folder.glob("logs/**/summaries")
    found = EventAccumulator(str(events)).Reload().Scalars(RETURN)
    frames = np.array([event.step for event in found])
    values = np.array([event.value for event in found])
    windows = [(mark - WINDOW <= frames) & (frames < mark) for mark in MARKS]
    return [float(values[window].mean()) for window in windows]


def table(runs: Path, seeds: list[int]) -> str:
    marks = " | ".join(f"{mark / 1e6:g} M" for mark in MARKS)
    lines = [f"| policy | {marks} | each seed |", "|---|" + "---|" * (len(MARKS) + 1)]
    for policy in POLICIES:
        folders = [folder_of(runs, policy, seed) for seed in seeds]
        done = [folder for folder in folders if (folder / "done").exists()]
        if not done:
            continue
        curves = np.array([returns(folder) for folder in done])
        cells = [policy, *(f"{value:.1f}" for value in curves.mean(axis=0))]
        cells += [", ".join(f"{value:.1f}" for value in curves[:, -1])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--assets", type=Path, help="what ISAACSIM_ASSET_ROOT names")
    parser.add_argument("--report", action="store_true", help="write the table only")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "bench" / "isaaclab")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    args = parser.parse_args()
    if not args.report:
        cases = [(policy, seed) for seed in args.seeds for policy in POLICIES]
        with ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(lambda case: train(args.runs, args.assets, *case), cases))
    said = (
        f"`python benchmarks/isaaclab.py`; {TASK} of Isaac Lab 3.0 on Newton, {ENVS} environments, "
        "two x86-64 cores, no GPU, one thread a run. Mean training return over the 0.1 M frames "
        "before each mark, mean over seeds, then each seed's last.\n\n"
    )
    from learning import fill_in

    fill_in(args.docs / "RESULTS.md", "isaaclab", said + table(args.runs, args.seeds))


if __name__ == "__main__":
    main()
