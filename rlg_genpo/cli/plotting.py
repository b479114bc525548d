"""``rlg-genpo plot``: learning curves from the runs' progress.csv."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlg_genpo.cli import runs
from rlg_genpo.cli.runs import Run, elsewhere
from rlg_genpo.errors import ConfigError

logger = logging.getLogger(__name__)

Array = NDArray[np.float64]

GRID_POINTS = 200
AXES = {
    "frames": ("frame", "environment frames"),
    "seconds": ("wall_seconds", "wall-clock time [s]"),
}


@dataclass(frozen=True)
class Curve:
    """A group's mean over its seeds, and their range, on the stretch that all of them cover."""

    name: str
    seeds: int
    x: Array  # (G,)
    mean: Array  # (G,)
    low: Array  # (G,)
    high: Array  # (G,)


def plot(words: Sequence[str], out: Path, axis: str) -> list[Curve]:
    """Draw the runs' learning curves into ``out``; its suffix decides the format."""
    pyplot, ticker = matplotlib()
    if out.suffix.lstrip(".") not in pyplot.figure().canvas.get_supported_filetypes():
        raise ConfigError(f"--out {out}: no picture format; end it in .png, .pdf or .svg.")
    column, label = AXES[axis]
    found = curves([Run(Path(word)) for word in words], column)
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for curve in found:
        seeds = f" ({curve.seeds} seeds)" if curve.seeds > 1 else ""
        draw(axes, curve, label=curve.name + seeds)
    axes.set(xlabel=label, ylabel="mean return of recent episodes")
    axes.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    axes.grid(alpha=0.3)
    axes.legend()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)
    pyplot.close("all")
    return found


def draw(axes: Any, curve: Curve, **style: Any) -> None:
    """The mean as a line on matplotlib axes, and the range over seeds as a band behind it."""
    (line,) = axes.plot(curve.x, curve.mean, **style)
    if curve.seeds > 1:
        axes.fill_between(
            curve.x, curve.low, curve.high, color=line.get_color(), alpha=0.2, linewidth=0
        )


def matplotlib() -> tuple[Any, Any]:
    """pyplot and ticker, without a display."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot, ticker
    except ModuleNotFoundError as error:
        raise ConfigError("plot: needs matplotlib; pip install 'rlg_genpo[plot]'.") from error
    return pyplot, ticker


def curves(found: list[Run], column: str) -> list[Curve]:
    """One curve per group of runs that differ in their seed alone."""
    groups: dict[str, list[tuple[Array, Array]]] = {}
    failures = []
    for run in found:
        try:
            curve = points(run, column)
            groups.setdefault(run.group, []).append(curve)
        except ConfigError as error:
            failures.append(error)
    # `runs/*` also names folders without a curve; it is an error only if none has one.
    if failures and not groups:
        raise failures[0]
    for failure in failures:
        logger.warning("left out: %s", failure)
    return [merge(name, members) for name, members in groups.items()]


def points(run: Run, column: str) -> tuple[Array, Array]:
    """(x, mean return) of a run's epochs, from its first finished episode on."""
    if not run.progress.is_file():
        raise ConfigError(
            f"{run.folder}: not a run folder (it has no progress.csv){elsewhere(run.folder)}"
        )
    rows = [row for row in runs.read_progress(run) if row["mean_return"]]
    if not rows:
        raise ConfigError(f"{run.folder}: no episode has ended in this run yet; train it longer.")
    x, y = np.array([(row[column], row["mean_return"]) for row in rows], dtype=float).T
    return x, y


def merge(name: str, members: list[tuple[Array, Array]]) -> Curve:
    """Mean and range over runs, interpolated on a grid that all of them cover."""
    grid = members[0][0]
    if len(members) > 1:
        start, end = max(x[0] for x, _ in members), min(x[-1] for x, _ in members)
        if start > end:
            raise ConfigError(f"{name}: its runs have no stretch in common; plot them apart.")
        grid = np.linspace(start, end, GRID_POINTS)
    values = np.stack([np.interp(grid, x, y) for x, y in members])
    return Curve(name, len(members), grid, values.mean(0), values.min(0), values.max(0))
