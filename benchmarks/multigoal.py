"""How many of several equal goals does a policy keep? Trains, samples, counts and draws.

    python benchmarks/multigoal.py --jobs 2
    python benchmarks/multigoal.py --report     # no training

Every run is one ``rlg-genpo train`` on the multi-goal point mass in a process of its own under
``runs/bench/multigoal/``; what is finished is left alone and what was interrupted resumes. Each
policy is then sampled, as it samples in training, for many episodes that all start exactly in the
middle, at three times of its training. Writes the table between ``<!-- multigoal -->`` and
``<!-- end multigoal -->`` of docs/RESULTS.md, if that has them, and docs/results/multigoal.png.
"""

import argparse
import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
from learning import ROOT, Curve, Entry, Suite, finished, train
from torch import Tensor

from rlg_genpo.cli import configs, rollouts, validation
from rlg_genpo.cli.runs import Checkpoint, Run

# The example of the same name draws with it too.
sys.path.append(str(ROOT / "examples"))
from analysis import coverage
from analysis.coverage import Episodes

#: of a run, unless --frames says otherwise: 80 epochs
FRAMES = 245_760
#: quarters of a run after which its policy is sampled
QUARTERS = (1, 2, 4)
EPISODES, DRAWN = 2000, 80
SEED = 7

#: What task_configs said of the policies when the runs were made, on the standard normal.
GENPO = (
    "network.flow.base=standard",
    "network.flow.output_scale=0.01",
    "network.flow.condition=features",
    "network.flow.steps=5",
    "network.flow.units=[32, 32]",
    "network.flow.time_embedding=32",
    "network.flow.time_units=[256, 256]",
    "algo.compression_coef=0.01",
    "algo.compression_fraction=0.25",
    "algo.min_lr=1e-5",
    "algo.max_lr=null",
)
CPPO = (
    "network.flow.base=standard",
    "network.flow.condition=observation",
    "network.flow.noise_scale=0.3",
    "network.residual.sigma=0.3",
    "algo.regulariser=langevin",
    "algo.regulariser_scale=0.3",
    "algo.ema=0.9",
    "algo.distill_epochs=15",
)
WIDE = (
    *CPPO,
    "network.flow.noise_scale=1.0",
    "network.residual.sigma=0.5",
    "algo.regulariser_scale=1.0",
)
ENTRIES = (
    Entry("Gaussian PPO", "multigoal_ppo", (), "ppo"),
    Entry("Gaussian PPO, entropy 0.01", "multigoal_ppo", ("config.entropy_coef=0.01",), "ppo_ent"),
    Entry("GenPO as shipped, on a Gaussian", "multigoal_genpo", (), "genpo_base"),
    Entry("CPPO as shipped, on a Gaussian", "multigoal_cppo", (), "cppo_base"),
    Entry("GenPO", "multigoal_genpo", GENPO, "genpo"),
    Entry("CPPO", "multigoal_cppo", CPPO, "cppo"),
    Entry("CPPO, entropy 0.01", "multigoal_cppo", (*CPPO, "config.entropy_coef=0.01"), "cppo_ent"),
    Entry("CPPO, wide start", "multigoal_cppo", WIDE, "cppo_wide"),
    Entry("CPPO, no regulariser", "multigoal_cppo", (*CPPO, "algo.regulariser=none"), "cppo_none"),
    Entry("CPPO, ema 0.5", "multigoal_cppo", (*CPPO, "algo.ema=0.5"), "cppo_ema"),
)


@dataclass(frozen=True)
class Sample:
    """Episodes of one policy at one time, and what they say."""

    episodes: Episodes
    goals: Tensor  # (G, 2)
    modes: int
    entropy: float  # nats
    decided: float

    @classmethod
    def of(cls, run: Run, checkpoint: Path) -> "Sample":
        params = configs.load(run.config)
        params["config"]["env_config"]["start_noise"] = 0.0
        prepared = rollouts.prepared(params, "cpu", SEED)
        player = rollouts.make_player(prepared, Checkpoint(checkpoint, run), EPISODES)
        # what rl_games' player reads off its first observations
        player.has_batch_dimension = True
        episodes = coverage.roll(player.env, lambda obs: player.get_action(obs, False))
        goals = player.env.goals
        return cls(
            episodes,
            goals,
            coverage.mode_count(episodes.goals, len(goals)),
            coverage.coverage_entropy(episodes.goals, len(goals)),
            coverage.decided_at_once(episodes, goals),
        )


@dataclass(frozen=True)
class Result:
    """One run: its samples by quarter, and its cost."""

    samples: dict[int, Sample]
    cpu_seconds: float

    @property
    def last(self) -> Sample:
        return self.samples[QUARTERS[-1]]

    @classmethod
    def of(cls, folder: Path) -> "Result":
        run = Run(folder)
        config = configs.load(run.config)["config"]
        samples = {}
        for quarter in QUARTERS:
            epoch = config["save_frequency"] * quarter
            (checkpoint,) = folder.glob(f"nn/last_{config['name']}_ep_{epoch}_rew_[!_]*.pth")
            samples[quarter] = Sample.of(run, checkpoint)
        return cls(samples, float(Curve.read(folder).cpu_seconds[-1]))


def suite_of(seeds: list[int], frames: int, runs: Path) -> Suite:
    """The entries with checkpoints at the quarters of their runs, which are whole epochs."""
    entries = []
    for entry in ENTRIES:
        size = validation.frames_per_epoch(configs.load(configs.find(entry.config))["config"])
        if frames % (4 * size):
            raise SystemExit(f"--frames {frames}: must be a multiple of {4 * size}, four epochs.")
        keep = f"config.save_frequency={frames // (4 * size)}"
        entries.append(Entry(entry.label, entry.config, (*entry.overrides, keep), entry.key))
    return Suite("multigoal", "Point mass", tuple(entries), tuple(seeds), frames, runs)


Results = dict[str, list[Result]]


def table(suite: Suite, results: Results) -> str:
    """Markdown: a row per entry; where seeds differ, each seed's figure."""
    times = ", ".join(f"{25 * quarter}%" for quarter in QUARTERS)
    lines = [
        f"| policy | seeds | return | success | modes after {times} of the frames, each seed | "
        "coverage entropy, nats (share of the most) | each seed | decided at once | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in suite.entries:
        runs = results[entry.key]
        if not runs:
            continue
        last = [run.last for run in runs]
        entropy = np.mean([sample.entropy for sample in last])
        modes = [" ".join(str(run.samples[quarter].modes) for run in runs) for quarter in QUARTERS]
        lines.append(
            f"| {entry.label} | {len(runs)} | "
            f"{np.mean([float(sample.episodes.returns.mean()) for sample in last]):.1f} | "
            f"{np.mean([sample.episodes.success for sample in last]):.0%} | {', '.join(modes)} | "
            f"{entropy:.2f} ({entropy / log(len(last[0].goals)):.0%}) | "
            f"{', '.join(f'{sample.entropy:.2f}' for sample in last)} | "
            f"{np.mean([sample.decided for sample in last]):.0%} | "
            f"{np.mean([run.cpu_seconds for run in runs]):.0f} |"
        )
    return "\n".join(lines)


def draw(suite: Suite, results: Results, path: Path) -> None:
    """The first seed's trajectories: a column per entry, a row per time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    shown = [entry for entry in suite.entries if results[entry.key]]
    size = (1.6 * len(shown), 1.7 * len(QUARTERS))
    figure, axes = plt.subplots(len(QUARTERS), len(shown), figsize=size, squeeze=False)
    for column, entry in enumerate(shown):
        axes[0, column].set_title(entry.label.replace(", ", ",\n"), fontsize=7)
        for row, quarter in enumerate(QUARTERS):
            sample = results[entry.key][0].samples[quarter]
            coverage.draw(axes[row, column], sample.episodes.first(DRAWN), sample.goals)
            axes[row, 0].set_ylabel(f"{25 * quarter}% of the frames", fontsize=7)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def fill_in(document: Path, text: str) -> bool:
    """Replace what stands between the marks; whether there are any."""
    opening, closing = "<!-- multigoal -->", "<!-- end multigoal -->"
    old = document.read_text() if document.exists() else ""
    if opening not in old or closing not in old:
        return False
    head, rest = old.split(opening, 1)
    document.write_text(f"{head}{opening}\n{text}\n{closing}{rest.split(closing, 1)[1]}")
    return True


def report(suite: Suite, docs: Path) -> None:
    """Table and picture of the finished runs, into a documents folder."""
    results: Results = {
        entry.key: [
            Result.of(suite.folder(entry, seed))
            for seed in suite.seeds
            if finished(suite.folder(entry, seed))
        ]
        for entry in suite.entries
    }
    if not any(results.values()):
        print("multigoal: no finished run")
        return
    draw(suite, results, docs / "results" / "multigoal.png")
    text = (
        f"`python benchmarks/multigoal.py`; {suite.frames / 1e3:.0f} k frames a run, {EPISODES} "
        f"sampled episodes a policy; {platform.machine()}, {os.cpu_count()} cores, no GPU, one "
        f"thread a run.\n\n{table(suite, results)}\n\n![trajectories](results/multigoal.png)"
    )
    if not fill_in(docs / "RESULTS.md", text):
        print("docs/RESULTS.md has no <!-- multigoal --> and <!-- end multigoal -->")
    print(table(suite, results))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    parser.add_argument("--only", nargs="+", metavar="KEY", help="train only these entries")
    parser.add_argument("--report", action="store_true", help="only report what is finished")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "bench")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    args = parser.parse_args(arguments)
    suite = suite_of(args.seeds, args.frames, args.runs)
    jobs = [
        (entry, seed)
        for seed in suite.seeds
        for entry in suite.entries
        if not args.only or entry.key in args.only
    ]
    if not args.report:
        with ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(lambda job: train(suite, *job), jobs))
    report(suite, args.docs)
    return 0 if all(finished(suite.folder(*job)) for job in jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
