"""(f) Rows per second of the update with the minibatch, and of training with the processes."""

import gc
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from statistics import median

import torch

from costs import agents, policies, tables, timing
from costs.plan import Plan, Row, find, unique
from costs.sizes import ANT, TINY
from rlg_genpo.cli.machine import cores

TITLE = "Scaling"
CONTESTANTS = (agents.PPO, agents.FAST, agents.PAPER)
MINIBATCHES = (256, 1024, 4096, 16384)
WORLDS = (1, 2)
ROUNDS, PROCESS_ROUNDS = 3, 2
EPOCHS = 3

TEXT = """First rows per second of `calc_gradients` against the minibatch. Then rows per second of
`train_epoch` with one process and with two, data-parallel (gloo on a CPU, nccl on GPUs), each with
its own environments and one torch thread; efficiency is what two reach of twice one. Ratios are to
Gaussian PPO."""


def minibatches(plan: Plan) -> tuple[int, ...]:
    return (16, 32) if plan.quick else MINIBATCHES


def worlds(plan: Plan) -> tuple[int, ...]:
    """How many processes; two only where they do not share one core or one GPU."""
    there = torch.cuda.device_count() if plan.device == "cuda" else cores()
    if there < 2:
        plan.note(f"Scaling: no two processes, since this machine has {there} of {plan.device}.")
    return WORLDS if there >= 2 else (1,)


def measurements(plan: Plan) -> int:
    contests = len(minibatches(plan)) * timing.steps_of(len(CONTESTANTS), plan, ROUNDS)
    return contests + len(worlds(plan)) * plan.repeats(PROCESS_ROUNDS) * len(CONTESTANTS)


def measure(plan: Plan) -> list[Row]:
    """Values are rows per second, of all processes together."""
    return [*by_minibatch(plan), *by_processes(plan)]


def by_minibatch(plan: Plan) -> list[Row]:
    size = TINY if plan.quick else ANT
    rows: list[Row] = []
    for count in minibatches(plan):
        load = agents.one_minibatch(count)
        works = {}
        for who in CONTESTANTS:
            params = agents.params_of(who, size, load, plan.device, plan.folder)
            agent = agents.agent_of(params)
            agents.epoch(agent)
            works[who] = policies.work(policies.UPDATE, agent)
        title = f"{size.name}, minibatch {count}"
        seconds = timing.contest(works, plan, ROUNDS, title)
        del works
        gc.collect()
        rows += speeds(
            f"minibatch {count:,}", {w: [count / s for s in seconds[w]] for w in seconds}
        )
    return rows


def by_processes(plan: Plan) -> list[Row]:
    rounds, counts = plan.repeats(PROCESS_ROUNDS), worlds(plan)
    found: dict[int, dict[str, list[float]]] = {w: {c: [] for c in CONTESTANTS} for w in counts}
    for number in range(1, rounds + 1):
        for who in CONTESTANTS:
            for world in counts:
                plan.progress.step(f"{processes(world)}: {who}, round {number} of {rounds}")
                found[world][who].append(rows_per_second(who, world, plan))
    rows: list[Row] = []
    for world, speed in found.items():
        rows += speeds(processes(world), speed)
    if len(counts) > 1:
        for who in CONTESTANTS:
            share = [two / (2 * one) for one, two in zip(found[1][who], found[2][who], strict=True)]
            rows.append(Row("efficiency", "rows/s", who, median(share)))
    return rows


def speeds(group: str, found: dict[str, list[float]]) -> list[Row]:
    base = found[agents.PPO]
    return [
        Row(group, "rows/s", who, median(speed), timing.median_ratio(speed, base))
        for who, speed in found.items()
    ]


def rows_per_second(who: str, world: int, plan: Plan) -> float:
    """Of an epoch, all ranks together."""
    size = "quick" if plan.quick else "full"
    words = [who, plan.device, size, str(EPOCHS), str(plan.folder)]
    command = [sys.executable, "-m", "costs.ranks", *words]
    shared = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": str(world),
        "OMP_NUM_THREADS": "1",
    }
    processes = [
        subprocess.Popen(
            command,
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=Path(__file__).parents[1],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    try:
        said = [process.communicate(timeout=600) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (output, errors) in zip(processes, said, strict=True):
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}\n{output}\n{errors}")
    ranks = [json.loads(output.splitlines()[-1]) for output, _ in said]
    return sum(rank["rows"] for rank in ranks) / max(rank["seconds"] for rank in ranks)


def processes(world: int) -> str:
    return "1 process" if world == 1 else f"{world} processes"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def table(rows: list[Row]) -> str:
    lines = []
    for group in unique([row.group for row in rows]):
        cells = []
        for who in CONTESTANTS:
            row = find(rows, group, "rows/s", who)
            if row is None:
                cells.append("-")
            elif row.ratio is None:
                cells.append(f"{row.value:.0%}")
            else:
                cells.append(f"{row.value:,.0f} ({tables.times(row.ratio)})")
        lines.append([group, *cells])
    return tables.markdown(["", *(f"{who}, rows/s (ratio)" for who in CONTESTANTS)], lines)
