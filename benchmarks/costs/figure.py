"""``cost.png``: four panels of what the tables say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from costs import agents, density, memory, policies, training
from costs.plan import Row, find, unique

Parts = Mapping[str, list[Row]]


def draw(parts: Parts, path: Path) -> None:
    """Panels of parts that were not measured say so."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 8))
    panels = {
        "jacobian": (_jacobian, "Density: times the speed of the Jacobian method"),
        "policies": (_policies, "rl_games, free simulator: time, ratio to Gaussian PPO"),
        "memory": (_memory, "Peak memory of the paper network's update, MB"),
        "training": (_training, "Training end to end: wall time, ratio"),
    }
    for axis, (part, (panel, title)) in zip(axes.flat, panels.items(), strict=True):
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.3)
        if parts.get(part):
            panel(axis, parts[part])
        else:
            axis.set_axis_off()
            axis.text(0.5, 0.5, "not measured", ha="center", transform=axis.transAxes)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _jacobian(axis: Any, rows: list[Row]) -> None:
    groups = unique([row.group for row in rows])
    bars = {}
    for what in (density.ROLLOUT, density.UPDATE):
        found = [find(rows, group, what, density.JACOBIAN) for group in groups]
        bars[what] = [None if row is None else row.ratio for row in found]
    _grouped(axis, groups, bars)
    axis.margins(y=0.3)


def _policies(axis: Any, rows: list[Row]) -> None:
    group = rows[-1].group
    whats = [policies.ACT, policies.UPDATE, policies.EPOCH]
    bars = {}
    for who in agents.POLICIES:
        found = [find(rows, group, what, who) for what in whats]
        bars[who] = [None if row is None else row.ratio for row in found]
    _grouped(axis, [f"{what}, {group}" for what in whats], bars)
    heights = [row.ratio for row in rows if row.group == group and row.ratio]
    axis.set_yscale("log")
    # room for the legend above
    axis.set_ylim(0.7 * min(heights), 5 * max(heights))
    axis.yaxis.set_major_formatter("{x:g}")


def _memory(axis: Any, rows: list[Row]) -> None:
    for kind in memory.MEMORIES:
        mine = [row for row in rows if row.who == kind]
        axis.plot([int(r.what) for r in mine], [r.value for r in mine], marker="o", label=kind)
    axis.set_xlabel("flow steps N")
    axis.set_xticks([int(count) for count in unique([row.what for row in rows])])
    axis.set_ylim(bottom=0)
    axis.legend()


def _training(axis: Any, rows: list[Row]) -> None:
    walls = [row for row in rows if row.what == training.WALL]
    labels = [f"{row.group}: {row.who}" for row in walls]
    colours = {who: f"C{i}" for i, who in enumerate(unique([row.who for row in walls]))}
    values = [row.ratio or 0.0 for row in walls]
    drawn = axis.barh(labels, values, color=[colours[row.who] for row in walls])
    axis.bar_label(drawn, fmt="%.2f", fontsize=7)
    axis.tick_params(axis="y", labelsize=7)
    axis.invert_yaxis()


def _grouped(axis: Any, groups: list[str], bars: dict[str, list[float | None]]) -> None:
    """A cluster of bars for each group."""
    width = 0.8 / len(bars)
    for number, (label, values) in enumerate(bars.items()):
        places = [place + number * width for place in range(len(groups))]
        drawn = axis.bar(places, [value or 0.0 for value in values], width, label=label)
        axis.bar_label(drawn, fmt="%.3g", fontsize=7)
    middle = 0.4 - width / 2
    axis.set_xticks([place + middle for place in range(len(groups))], groups, fontsize=8)
    axis.legend(fontsize=7)
