"""One uninterrupted stretch of training: rl_games' runner, quiet, observed and stoppable."""

import contextlib
import logging
import random
import signal
import threading
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from types import FrameType
from typing import Any, TextIO

import numpy as np
import torch
from rl_games.torch_runner import Runner

from rlg_genpo import registration
from rlg_genpo.cli import machine, runs, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.cli.progress import Bar, Clock, Observer, Restored
from rlg_genpo.cli.runs import Checkpoint, Run
from rlg_genpo.common.config import PolicyConfig


@dataclass(frozen=True)
class Job:
    """What to train, where, and from which state on."""

    run: Run
    params: Params
    settings: PolicyConfig | None  # the policy's, parsed; None for rl_games' own
    checkpoint: Checkpoint | None
    epoch: int
    frame: int
    best_return: float | None
    learning_rate: float | None


def execute(job: Job, facts: dict[str, Any], console: TextIO) -> dict[str, Any]:
    """Train until the end or an interruption; returns ``run.json``'s closing facts.

    Args:
        facts: what ``run.json`` says while training.
        console: where the progress bar goes.
    """
    rows = runs.progress_until(job.run, job.epoch) if job.checkpoint else []
    clock = Clock(*(float(rows[-1][key]) for key in ("wall_seconds", "cpu_seconds") if rows))
    bar = Bar(console, total_frames(job), job.frame)
    stop = StopWish(bar)

    def begin() -> None:
        # Only now: a checkpoint that does not fit must leave the run's files as they were.
        job.run.write_config(job.params)
        job.run.write_facts(facts)
        runs.write_progress(job.run, rows)

    observer = Observer(
        job.run, bar, clock, stop, begin, Restored(job.best_return, job.learning_rate)
    )
    status = "failed"
    try:
        with stop, warnings_on(bar), written_to(job.run):
            status = run_to_end(job, observer)
    finally:
        bar.close()
        wall, cpu = clock.read()
        outcome = {
            "status": status,
            "frames": max(job.frame, observer.saved_frames),
            "wall_seconds": round(wall, 3),
            "cpu_seconds": round(cpu, 3),
            "peak_memory_mb": max(facts["peak_memory_mb"], machine.peak_memory_mb()),
        }
        if observer.begun or not job.checkpoint:
            job.run.write_facts({**facts, **outcome})
    return outcome


def run_to_end(job: Job, observer: Observer) -> str:
    """rl_games' training loop; returns how it ended."""
    runner = Runner(observer)
    with contextlib.ExitStack() as stack:
        restore = stack.enter_context(job.checkpoint.readable()) if job.checkpoint else None
        runner.load({"params": params_of_session(job)})
        registration.hand_over(runner, job.settings)
        seed_all(runner.params["seed"])
        try:
            runner.run({"train": True, "play": False, "checkpoint": restore and str(restore)})
        except KeyboardInterrupt:
            # Either all is saved, or the networks are half updated and the last checkpoint stays.
            return "interrupted"
        finally:
            if observer.algo is not None:
                observer.algo.writer.close()
    observer.save()
    return "finished"


def params_of_session(job: Job) -> Params:
    """The configuration as rl_games is to have it: with this run's place, frames as it counts them,
    and seeds of its own where a run goes on.
    """
    params = deepcopy(job.params)
    config = params["config"]
    config["train_dir"] = str(job.run.folder.parent)
    config["full_experiment_name"] = job.run.name
    if config.get("max_frames", -1) != -1:
        # rl_games counts every agent's frame, its user the environments'.
        config["max_frames"] *= validation.rows_per_env(params)
    environment = config.setdefault("env_config", {})
    # Not the numbers again with which the run began.
    seed = environment.get("seed", params["seed"])
    params["seed"] = continued_seed(params["seed"], job.epoch)
    environment["seed"] = continued_seed(seed, job.epoch)
    return params


def continued_seed(seed: int, epoch: int) -> int:
    """A seed for a run that goes on at ``epoch``; the run's own at its start."""
    if epoch == 0:
        return seed
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0]) % 2**31


def seed_all(seed: int) -> None:
    """Seed as rl_games does; it takes seed 0 for none."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def total_frames(job: Job) -> int | None:
    """Environment frames at the run's end; None if it has none."""
    config = job.params["config"]
    if config.get("max_epochs", -1) != -1:
        left = config["max_epochs"] - job.epoch
        return job.frame + left * validation.frames_per_epoch(config)
    return validation.planned_frames(config)


class StopWish:
    """Ctrl-C or SIGTERM: once ends training after this epoch, twice abandons the epoch."""

    def __init__(self, bar: Bar) -> None:
        self.bar = bar
        self.wished = False
        self.before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        return self.wished

    def __enter__(self) -> "StopWish":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.wished:
            raise KeyboardInterrupt
        self.wished = True
        # A signal may fall into a write to the same stream, which Python refuses.
        with contextlib.suppress(RuntimeError):
            self.bar.message("stopping after this epoch; Ctrl-C again abandons it")


class BarHandler(logging.Handler):
    """Warnings of ours, above the bar."""

    def __init__(self, bar: Bar) -> None:
        super().__init__(logging.WARNING)
        self.bar = bar

    def emit(self, record: logging.LogRecord) -> None:
        self.bar.message(f"{record.levelname.lower()}: {record.getMessage()}")


@contextlib.contextmanager
def warnings_on(bar: Bar) -> Iterator[None]:
    """Show the library's warnings on the console while everything else goes to the log."""
    logger = logging.getLogger("rlg_genpo")
    handler = BarHandler(bar)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextlib.contextmanager
def written_to(run: Run) -> Iterator[None]:
    """What rl_games prints, and Python's warnings, into ``train.log``."""
    with (
        run.log.open("a", buffering=1) as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        yield
