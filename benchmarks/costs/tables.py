"""Markdown tables and their numbers."""

from collections.abc import Sequence

from costs.plan import Row


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table; a row's cells are strings."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def raced(row: Row) -> list[str]:
    """The cells of a contestant's time with its ratio, and of its operations with theirs."""
    return [
        row.group,
        row.what,
        row.who,
        number(row.value),
        times(row.ratio),
        number(millions(row.operations)),
        times(row.operation_ratio),
    ]


def number(value: float | None) -> str:
    """Three digits, whole from 100 on; a dash for what was not measured."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def times(ratio: float | None) -> str:
    """A ratio."""
    if ratio is None:
        return "-"
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def millions(value: float | None) -> float | None:
    return None if value is None else value / 1e6
