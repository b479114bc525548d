"""Contestants timed in turn, so that a machine's noise falls on all alike."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import torch

from costs.plan import Plan

Work = Callable[[], object]

#: calls in a row, at most: an unusually fast first call must not start thousands
MOST_CALLS = 1000


def timed(work: Work, calls: int, device: str) -> float:
    """Seconds per call."""
    wait(device)
    start = time.perf_counter()
    for _ in range(calls):
        work()
    wait(device)
    return (time.perf_counter() - start) / calls


def wait(device: str) -> None:
    """Until a GPU has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def contest(
    works: Mapping[str, Work], plan: Plan, usual_rounds: int, title: str
) -> dict[str, list[float]]:
    """Seconds per call of each contestant, round by round: lists of equal length by name.

    Args:
        works: what to time, by contestant; the order within a round is theirs.
        usual_rounds: rounds, where the plan leaves them open.
        title: for the progress line.
    """
    calls = {}
    for name, work in works.items():
        plan.progress.step(f"{title}: {name}, warming up")
        once = timed(work, 1, plan.device)
        if once < plan.least_seconds:
            once = timed(work, 1, plan.device)  # a first call pays for more than itself
        calls[name] = min(MOST_CALLS, max(1, math.ceil(plan.least_seconds / once)))
    rounds = plan.repeats(usual_rounds)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(1, rounds + 1):
        for name, work in works.items():
            plan.progress.step(f"{title}: {name}, round {number} of {rounds}")
            seconds[name].append(timed(work, calls[name], plan.device))
    return seconds


def steps_of(contestants: int, plan: Plan, usual_rounds: int) -> int:
    """Measurements that a :func:`contest` announces."""
    return contestants * (1 + plan.repeats(usual_rounds))


def median_ratio(values: Sequence[float], base: Sequence[float]) -> float:
    """Median over the rounds of a contestant's ratio to the base in the same round."""
    return median(value / other for value, other in zip(values, base, strict=True))
