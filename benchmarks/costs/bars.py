"""What was set as a bar, and whether the run held it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import mean

from learning import ROOT, Suite, finished_curves

from costs import agents, density, exported, memory, policies, tables, training
from costs.plan import Row, find
from costs.sizes import ANT, HUMANOID

Parts = Mapping[str, list[Row]]


@dataclass(frozen=True)
class Bar:
    """A bound on a figure.

    Args:
        measured: reads the figure from the parts' rows; None if it was not measured.
        least: whether the bound is one from below.
    """

    text: str
    bound: float
    measured: Callable[[Parts], float | None]
    least: bool = False

    def line(self, parts: Parts) -> list[str]:
        value = self.measured(parts)
        sign = "≥" if self.least else "≤"
        return [self.text, f"{sign} {self.bound:g}", tables.times(value), self.verdict(value)]

    def verdict(self, value: float | None) -> str:
        if value is None:
            return "not measured"
        held = value >= self.bound if self.least else value <= self.bound
        return "held" if held else "not held"


def ratio(part: str, group: str, what: str, who: str) -> Callable[[Parts], float | None]:
    def read(parts: Parts) -> float | None:
        row = find(parts.get(part, []), group, what, who)
        return None if row is None else row.ratio

    return read


def beyond_operations(group: str) -> Callable[[Parts], float | None]:
    """Time ratio over operation ratio of the paper network's update."""

    def read(parts: Parts) -> float | None:
        row = find(parts.get("policies", []), group, policies.UPDATE, agents.PAPER)
        if row is None or row.ratio is None or row.operation_ratio is None:
            return None
        return row.ratio / row.operation_ratio

    return read


def faster(what: str, than: str = density.JACOBIAN) -> Callable[[Parts], float | None]:
    return ratio("jacobian", HUMANOID.name, what, than)


def learned(suite: str) -> Callable[[Parts], float | None]:
    """Mean return of the fast head's seeds over the paper network's, from the learning benchmark's
    runs, where it has been run."""

    def read(parts: Parts) -> float | None:
        found = Suite.load(SUITES / f"{suite}.yaml", ROOT / "runs" / "bench")
        means = {}
        for entry in found.entries:
            scores = [curve.score for curve in finished_curves(found, entry)]
            if len(scores) == len(found.seeds):
                means[entry.key] = mean(scores)
        if not {"genpo", "genpo_paper"} <= means.keys():
            return None
        return means["genpo"] / means["genpo_paper"]

    return read


def end_to_end(task: str, who: str) -> Callable[[Parts], float | None]:
    return ratio("training", task, training.WALL, who)


def milliseconds(group: str, who: str) -> Callable[[Parts], float | None]:
    """Of one action of an exported policy."""

    def read(parts: Parts) -> float | None:
        row = find(parts.get("export", []), group, exported.FILE, who)
        return None if row is None else row.value / 1e3

    return read


KIND = density.KIND
SUITES = ROOT / "benchmarks" / "suites"
TASKS = {"halfcheetah": "HalfCheetah", "ant": "Ant"}
TRAINED = "training at equal rollouts, wall time to Gaussian PPO's"

CPU = (
    Bar("Humanoid: update, times the Jacobian method's speed", 40, faster("update"), least=True),
    Bar("Humanoid: rollout, times the Jacobian method's speed", 100, faster("rollout"), least=True),
    *(
        Bar(f"the same, that method written for speed: {what}", least, faster(what, KIND), True)
        for what, least in (("update", 40), ("rollout", 100))
    ),
    *(
        Bar(
            f"{size.name}: paper network's update, time ratio over operation ratio to Gaussian PPO",
            1.2,
            beyond_operations(size.name),
        )
        for size in (ANT, HUMANOID)
    ),
    *(
        Bar(f"{label}: GenPO's fast head, {TRAINED}", 1.25, end_to_end(task, agents.FAST))
        for task, label in TASKS.items()
    ),
    *(
        Bar(
            f"{label}: GenPO's fast head, return over the paper network's, three seeds "
            f"(`python benchmarks/learning.py benchmarks/suites/{task}.yaml`)",
            0.97,
            learned(task),
            least=True,
        )
        for task, label in TASKS.items()
    ),
    *(
        Bar(f"{label}: CPPO, {TRAINED}", 1.5, end_to_end(task, agents.CPPO))
        for task, label in TASKS.items()
    ),
    Bar(
        "Humanoid: peak memory of the update, N = 20 to N = 5, recomputed",
        1.3,
        ratio("memory", HUMANOID.name, "20", memory.MEMORIES[1]),
    ),
    *(
        Bar(
            f"{size.name}: {who}, one action of the exported file, milliseconds",
            0.3,
            milliseconds(size.name, who),
        )
        for who in (agents.FAST, agents.PAPER, agents.CPPO)
        for size in (ANT, HUMANOID)
    ),
)

CUDA = tuple(
    Bar(f"{label}: {who}, 4096 environments, {TRAINED}", bound, end_to_end(task, who))
    for who, bound in ((agents.FAST, 1.1), (agents.PAPER, 1.5))
    for task, label in TASKS.items()
)


def table(parts: Parts, device: str) -> str:
    """Every bar with its measured value and verdict."""
    lines = [bar.line(parts) for bar in (CUDA if device == "cuda" else CPU)]
    return tables.markdown(["", "bar", "measured", ""], lines)
