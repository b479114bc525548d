"""The README's picture: learning curves of finished suites, each curve named at its end.

    python benchmarks/headline.py
    python benchmarks/headline.py benchmarks/suites/base_ant.yaml --keys genpo cppo ppo --out x.png

It trains nothing: it reads what ``benchmarks/learning.py`` has trained. A suite whose runs are not
all finished is named and left out.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
from learning import ROOT, Curve, Suite, finished_curves

from rlg_genpo.cli import plotting

SUITES = [ROOT / "benchmarks" / "suites" / f"base_{task}.yaml" for task in ("halfcheetah", "ant")]
NAMES = {"genpo": "GenPO", "cppo": "CPPO", "ppo": "Gaussian PPO, tuned"}
COLOURS = {"genpo": "#00796b", "cppo": "#c2570c", "ppo": "#546e7a"}
#: of the picture's height, between two names at the right
LEAST_GAP = 0.06


def spread_out(heights: np.ndarray, gap: float) -> np.ndarray:
    """The heights (L,), moved up where two are nearer than the gap."""
    moved = heights.astype(float)
    order = np.argsort(moved)
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved


def draw(axes, suite: Suite, curves: dict[str, list[Curve]]) -> None:
    """A suite's curves: the mean over seeds, and the range behind it."""
    merged = {
        key: plotting.merge(key, [(run.frames / 1e6, run.returns) for run in runs])
        for key, runs in curves.items()
    }
    for key, curve in merged.items():
        plotting.draw(axes, curve, color=COLOURS.get(key), linewidth=2)
    low, high = axes.get_ylim()
    ends = spread_out(np.array([c.mean[-1] for c in merged.values()]), LEAST_GAP * (high - low))
    for (key, curve), height in zip(merged.items(), ends, strict=True):
        style = {"color": COLOURS.get(key), "va": "center", "fontweight": "bold"}
        axes.text(1.02 * curve.x[-1], height, NAMES.get(key, key), **style)
    seeds = sorted({len(runs) for runs in curves.values()})
    axes.set_title(f"{suite.title.split(',')[0]}, {' or '.join(map(str, seeds))} seeds", loc="left")
    axes.set(xlabel="environment frames, millions", xlim=(0, max(c.x[-1] for c in merged.values())))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.2)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suites", nargs="*", type=Path, default=SUITES)
    parser.add_argument("--keys", nargs="+", default=list(NAMES), help="entries to draw")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "bench")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "img" / "learning.png")
    args = parser.parse_args(arguments)
    shown = {}
    for path in args.suites:
        suite = Suite.load(path, args.runs)
        entries = [entry for entry in suite.entries if entry.key in args.keys]
        curves = {entry.key: list(finished_curves(suite, entry)) for entry in entries}
        if all(len(curves[entry.key]) == len(suite.seeds_of(entry)) for entry in entries):
            shown[suite] = curves
        else:
            print(f"{suite.name}: left out, its runs are not all finished")
    if not shown:
        raise SystemExit("no suite is finished; python benchmarks/learning.py SUITE trains it")
    pyplot, _ = plotting.matplotlib()
    size = (5.5 * len(shown), 3.4)
    figure, axes = pyplot.subplots(1, len(shown), figsize=size, squeeze=False, layout="constrained")
    for axis, (suite, curves) in zip(axes[0], shown.items(), strict=True):
        draw(axis, suite, curves)
    axes[0, 0].set_ylabel("mean training return")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, dpi=130)
    print(f"written: {args.out}")


if __name__ == "__main__":
    main()
