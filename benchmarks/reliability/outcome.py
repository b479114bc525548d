"""What a part of benchmarks/faults.py says."""

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """How often a fault was made, how often all was well after it, and what was not."""

    fault: str
    tried: int = 0
    well: int = 0
    note: str = ""
    failures: list[str] = field(default_factory=list)

    def count(self, failures: list[str]) -> None:
        self.tried += 1
        self.well += not failures
        self.failures += failures


def table(outcomes: list[Outcome]) -> list[str]:
    """As Markdown."""
    lines = ["| fault | tried | as without it | |", "|---|---|---|---|"]
    lines += [f"| {one.fault} | {one.tried} | {one.well} | {one.note} |" for one in outcomes]
    return lines
