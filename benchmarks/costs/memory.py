"""(c) Peak memory of the update against flow steps, activations stored or recomputed."""

import gc
from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from costs import agents, policies, tables
from costs.plan import Plan, Row, find, unique
from costs.sizes import HUMANOID, TINY

TITLE = "Peak memory of the update"
STEPS = (1, 2, 5, 10, 20)
QUICK_STEPS = (1, 5)
MEMORIES = ("store", "recompute")

TEXT = """Largest amount of live memory that one `calc_gradients` of the paper's network adds to
parameters, optimiser and rollout, by `network.flow.memory`, in MB: on a CPU the running sum of
torch's allocations and releases, on a GPU `torch.cuda.max_memory_allocated`. The ratio is to
N = 5."""


def steps(plan: Plan) -> tuple[int, ...]:
    return QUICK_STEPS if plan.quick else STEPS


def measurements(plan: Plan) -> int:
    return len(steps(plan)) * len(MEMORIES)


def measure(plan: Plan) -> list[Row]:
    """Values are MB; ``what`` is N."""
    size = TINY if plan.quick else HUMANOID
    load = agents.one_minibatch(agents.load_for(plan.device, plan.quick).minibatch)
    peaks: dict[tuple[str, int], float] = {}
    for memory in MEMORIES:
        for count in steps(plan):
            plan.progress.step(f"{size.name}, {memory}, N = {count}")
            flow = {"steps": count, "memory": memory}
            params = agents.params_of(agents.PAPER, size, load, plan.device, plan.folder, flow=flow)
            agent = agents.agent_of(params)
            agents.epoch(agent)
            peaks[memory, count] = peak_mb(step_of(agent), plan.device)
            del agent
            gc.collect()
    return [
        Row(size.name, str(count), memory, peak, peak / peaks[memory, 5])
        for (memory, count), peak in peaks.items()
    ]


def step_of(agent: Any) -> Callable[[], None]:
    policies.step(agent)  # what is allocated once, is now
    agent.optimizer.zero_grad(set_to_none=True)
    return lambda: policies.step(agent)


def peak_mb(work: Callable[[], object], device: str) -> float:
    """What a call adds to live memory at its highest, in MB."""
    if device == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        work()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    # public functions give sums by operator, which hide when a tensor goes
    recorded = profiler.profiler.kineto_results.events()  # type: ignore[union-attr]
    memory: list[Any] = [event for event in recorded if event.name() == "[memory]"]
    changes = [(event.start_ns(), event.nbytes()) for event in memory]
    live = highest = 0
    for _, change in sorted(changes, key=lambda pair: pair[0]):
        live += change
        highest = max(highest, live)
    return highest / 1e6


def table(rows: list[Row]) -> str:
    counts = unique([row.what for row in rows])
    group = rows[0].group
    lines = []
    for memory in MEMORIES:
        cells = []
        for count in counts:
            row = find(rows, group, count, memory)
            cells.append("-" if row is None else f"{row.value:.3g} ({tables.times(row.ratio)})")
        lines.append([group, memory, *cells])
    return tables.markdown(["size", "memory", *(f"N = {c}, MB (ratio)" for c in counts)], lines)
