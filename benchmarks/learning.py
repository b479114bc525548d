"""Does it learn? Trains a suite's configs over seeds, side by side, and writes curves and a table.

    python benchmarks/learning.py benchmarks/suites/halfcheetah.yaml --jobs 2
    python benchmarks/learning.py benchmarks/suites/halfcheetah.yaml --report   # no training

A suite is a YAML file of entries (config, overrides, label, perhaps seeds of their own) with seeds
and frames; a list among the overrides is one that several entries share. Every run is one
``rlg-genpo train`` in a process of its own under ``runs/bench/<suite>/``; what is finished is left
alone and what was interrupted resumes, so the command may be repeated until it is done.

The score of a run is its mean training return (sampled actions, rl_games' meter of the latest 100
episodes) over the last 5% of its frames.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from rlg_genpo.cli import plotting
from rlg_genpo.cli.evaluation import interval
from rlg_genpo.cli.runs import Run, facts_of

ROOT = Path(__file__).parent.parent
LAST_SHARE = 0.05


@dataclass(frozen=True)
class Entry:
    """One line of the table."""

    label: str
    config: str
    overrides: tuple[str, ...]
    key: str
    #: its own; empty for the suite's
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Suite:
    """What is compared, on which seeds and for how many frames."""

    name: str
    title: str
    entries: tuple[Entry, ...]
    seeds: tuple[int, ...]
    frames: int
    runs: Path

    @classmethod
    def load(cls, path: Path, runs: Path) -> "Suite":
        raw = yaml.safe_load(path.read_text())
        entries = tuple(
            Entry(
                label=entry["label"],
                config=entry["config"],
                overrides=tuple(flat(entry.get("overrides", ()))),
                key=entry["key"],
                seeds=tuple(entry.get("seeds", ())),
            )
            for entry in raw["entries"]
        )
        return cls(path.stem, raw["title"], entries, tuple(raw["seeds"]), int(raw["frames"]), runs)

    def seeds_of(self, entry: Entry) -> tuple[int, ...]:
        return entry.seeds or self.seeds

    def jobs(self) -> list[tuple["Suite", Entry, int]]:
        """Every run; each entry's first seeds first."""
        runs = [(seed, entry) for entry in self.entries for seed in self.seeds_of(entry)]
        return [(self, entry, seed) for seed, entry in sorted(runs, key=lambda run: run[0])]

    def folder(self, entry: Entry, seed: int) -> Path:
        return self.runs / self.name / f"{entry.key}_seed{seed}"


@dataclass(frozen=True)
class Curve:
    """One run's progress: arrays of the same length, and what it cost."""

    frames: np.ndarray
    returns: np.ndarray
    cpu_seconds: np.ndarray
    wall_seconds: float
    peak_memory_mb: float

    @classmethod
    def read(cls, folder: Path, frames: float = np.inf) -> "Curve":
        """Up to the epoch in which ``frames`` are reached, if the run went on further."""
        table = np.genfromtxt(folder / "progress.csv", delimiter=",", names=True)
        table = table[: 1 + np.searchsorted(table["frame"], frames)]
        table = table[~np.isnan(table["mean_return"])]
        about = json.loads((folder / "run.json").read_text())
        return cls(
            table["frame"],
            table["mean_return"],
            table["cpu_seconds"],
            float(table["wall_seconds"][-1]),
            float(about["peak_memory_mb"]),
        )

    @property
    def score(self) -> float:
        late = self.frames >= (1 - LAST_SHARE) * self.frames[-1]
        return float(self.returns[late].mean())

    def return_at(self, cpu_seconds: float) -> float:
        """Mean return when so much processor time was spent."""
        return float(np.interp(cpu_seconds, self.cpu_seconds, self.returns))


def flat(overrides: Iterable[str | list[str]]) -> Iterable[str]:
    """Overrides in their order, those of lists among them too."""
    for item in overrides:
        yield from [item] if isinstance(item, str) else item


def train(suite: Suite, entry: Entry, seed: int) -> None:
    """One run, from where it stands to its end."""
    folder = suite.folder(entry, seed)
    if finished(folder):
        return
    command = [str(Path(sys.executable).parent / "rlg-genpo"), "train"]
    if (folder / "nn" / "last.pth").exists():
        command += ["--resume", str(folder)]
    else:
        command += [entry.config, "--seed", str(seed), "--frames", str(suite.frames)]
        command += ["--runs", str(folder.parent), "--name", folder.name, *entry.overrides]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{folder.name}.log", "a") as log:
        done = subprocess.run(
            command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
    print(
        f"{'done  ' if done.returncode == 0 else 'FAILED'} {suite.name} {folder.name}", flush=True
    )


def finished(folder: Path) -> bool:
    return facts_of(Run(folder)).get("status") == "finished"


def interquartile_mean(values: np.ndarray) -> float:
    """Mean of the middle half, with fractional weights where n/4 is no whole number."""
    ranks = np.arange(len(values))
    trimmed = len(values) / 4
    weights = np.clip(np.minimum(ranks + 1, len(values) - ranks) - trimmed, 0, 1)
    return float(np.sort(values) @ weights / weights.sum())


def short(value: float) -> str:
    """Whole from 100 on, else three digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(suite: Suite, curves: dict[str, list[Curve]]) -> str:
    """Markdown: a row per entry."""
    least_cpu = min(c.cpu_seconds[-1] for runs in curves.values() for c in runs)
    lines = [
        f"| policy | seeds | return at {suite.frames / 1e6:g} M frames: mean (sd) | IQM | "
        f"95% interval | each seed | return after {least_cpu:.0f} CPU s | CPU s | wall s | "
        "peak MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in suite.entries:
        runs = curves[entry.key]
        if not runs:
            continue
        scores = np.array([run.score for run in runs])
        low, high = interval(scores, seed=0)
        at_equal_cost = np.mean([run.return_at(least_cpu) for run in runs])
        spread = short(scores.std(ddof=1)) if len(scores) > 1 else "one seed"
        lines.append(
            f"| {entry.label} | {len(runs)} | {short(scores.mean())} ({spread}) | "
            f"{short(interquartile_mean(scores))} | {short(low)} to {short(high)} | "
            f"{', '.join(map(short, scores))} | {short(float(at_equal_cost))} | "
            f"{np.mean([run.cpu_seconds[-1] for run in runs]):.0f} | "
            f"{np.mean([run.wall_seconds for run in runs]):.0f} | "
            f"{np.mean([run.peak_memory_mb for run in runs]):.0f} |"
        )
    return "\n".join(lines)


def draw(suite: Suite, curves: dict[str, list[Curve]], path: Path) -> None:
    """Mean over seeds with the min..max band, against frames and against processor time."""
    pyplot, _ = plotting.matplotlib()
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4), sharey=True)
    for axis, x, label, scale in (
        (axes[0], "frames", "environment frames, millions", 1e6),
        (axes[1], "cpu_seconds", "processor time, seconds", 1.0),
    ):
        for number, entry in enumerate(suite.entries):
            runs = [(getattr(run, x) / scale, run.returns) for run in curves[entry.key]]
            if runs:
                style = {"color": f"C{number}", "label": entry.label}
                plotting.draw(axis, plotting.merge(entry.label, runs), **style)
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("mean return")
    axes[0].legend()
    figure.suptitle(f"{suite.title}: mean over seeds, band from worst to best")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def fill_in(document: Path, marker: str, text: str) -> None:
    """Replace what stands between ``<!-- marker -->`` and ``<!-- end -->``, or append it."""
    opening, closing = f"<!-- {marker} -->", "<!-- end -->"
    body = f"{opening}\n{text}\n{closing}"
    old = document.read_text() if document.exists() else ""
    if opening in old:
        head, rest = old.split(opening, 1)
        body = head + body + rest.split(closing, 1)[1]
    else:
        body = f"{old}\n{body}\n"
    document.write_text(body)


def report(suite: Suite, docs: Path) -> None:
    """Table and curves of the finished runs, into a documents folder."""
    curves = {entry.key: list(finished_curves(suite, entry)) for entry in suite.entries}
    if not any(curves.values()):
        print(f"{suite.name}: no finished run")
        return
    picture = docs / "results" / f"{suite.name}.png"
    draw(suite, curves, picture)
    text = (
        f"`python benchmarks/learning.py benchmarks/suites/{suite.name}.yaml`; "
        f"{platform.machine()}, {os.cpu_count()} cores, no GPU, one thread a run.\n\n"
        f"{table(suite, curves)}\n\n![learning curves](results/{suite.name}.png)"
    )
    fill_in(docs / "RESULTS.md", f"learning {suite.name}", text)
    print(table(suite, curves))


def finished_curves(suite: Suite, entry: Entry) -> Iterable[Curve]:
    for seed in suite.seeds_of(entry):
        folder = suite.folder(entry, seed)
        if finished(folder):
            yield Curve.read(folder, suite.frames)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suites", nargs="+", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    parser.add_argument("--only", nargs="+", metavar="KEY", help="train only these entries")
    parser.add_argument("--report", action="store_true", help="only report what is finished")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "bench")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    args = parser.parse_args(arguments)
    suites = [Suite.load(path, args.runs) for path in args.suites]
    jobs = [job for suite in suites for job in suite.jobs()]
    if not args.report:
        asked = [job for job in jobs if not args.only or job[1].key in args.only]
        with ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(lambda job: train(*job), asked))
    for suite in suites:
        report(suite, args.docs)
    unfinished = [seed for suite, e, seed in jobs if not finished(suite.folder(e, seed))]
    return 1 if unfinished and not args.report else 0


if __name__ == "__main__":
    sys.exit(main())
