"""How much is measured, where and with what; and one measured figure."""

from dataclasses import dataclass, field
from pathlib import Path

from costs.progress import Progress


@dataclass(frozen=True)
class Plan:
    """What every part is told."""

    device: str  # cpu or cuda
    folder: Path  # for what agents and training runs write
    progress: Progress
    quick: bool = False  # tiny sizes, one repeat
    rounds: int | None = None  # of every part; None for each part's own
    reference: Path | None = None  # a checkout of the released code
    notes: list[str] = field(default_factory=list)  # what a reader must know of this run

    def repeats(self, usual: int) -> int:
        """Rounds of a part that usually takes ``usual``."""
        return 1 if self.quick else self.rounds or usual

    @property
    def least_seconds(self) -> float:
        """How long one contestant is timed in a round; short calls are repeated for as long."""
        return 0.0 if self.quick else 0.25

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True)
class Row:
    """One contestant's figure, of the unit that its part's table says."""

    group: str  # a size or a task
    what: str
    who: str
    value: float  # median over the rounds
    ratio: float | None = None  # median over the rounds of the ratio within one
    operations: float | None = None  # multiply-adds
    operation_ratio: float | None = None


def find(rows: list[Row], group: str, what: str, who: str) -> Row | None:
    """The row of these names, if it was measured."""
    for row in rows:
        if (row.group, row.what, row.who) == (group, what, who):
            return row
    return None


def unique(values: list[str]) -> list[str]:
    """Without repetitions, in order."""
    return list(dict.fromkeys(values))
