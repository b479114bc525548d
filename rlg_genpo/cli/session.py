"""One uninterrupted stretch of training: rl_games' runner, quiet, observed and stoppable."""

import contextlib
import logging
import random
import sys
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rl_games.common.algo_observer import DefaultAlgoObserver
from rl_games.torch_runner import Runner

from rlg_genpo import registration
from rlg_genpo.cli import configs, machine, runs, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.cli.progress import Bar, Lossy, StopWish, output
from rlg_genpo.cli.runs import Checkpoint, Run
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.errors import SimulatorError
from rlg_genpo.host import disk

logger = logging.getLogger(__name__)

#: seconds between two writings of nn/last.pth
SAVE_EVERY = 60.0


@dataclass(frozen=True)
class Job:
    """What to train, where, and from which state on."""

    run: Run
    params: Params
    settings: PolicyConfig | None  # the policy's, parsed; None for rl_games' own
    checkpoint: Checkpoint | None
    epoch: int
    frame: int
    # What rl_games' resume forgets, or the user wants otherwise; None to leave it.
    best_return: float | None
    learning_rate: float | None


def execute(job: Job, facts: dict[str, Any]) -> dict[str, Any]:
    """Train until the end or an interruption; returns what then replaces ``facts`` of run.json."""
    total = validation.planned_frames(job.params["config"], job.epoch, job.frame)
    stream = Lossy(sys.stderr)
    bar = Bar(stream, total, job.frame)
    stop = StopWish(bar)
    stream.unread = stop.unread
    observer = Observer(job, facts, bar, stop)
    status = "failed"
    try:
        with stop.heard(), output(job.run, bar):
            status = run_to_end(job, observer)
    finally:
        bar.close()
        wall, cpu = observer.seconds()
        outcome = {
            "status": status,
            "frames": max(job.frame, observer.saved_frames),
            "wall_seconds": round(wall, 3),
            "cpu_seconds": round(cpu, 3),
            "peak_memory_mb": max(facts["peak_memory_mb"], machine.peak_memory_mb()),
        }
        if observer.begun or not job.checkpoint:
            write_facts(job.run, {**facts, **outcome})
    return outcome


def write_facts(run: Run, facts: dict[str, Any]) -> None:
    """``run.json`` at a session's end; a full disk lets it be written over where it stands."""
    try:
        runs.write_json(run.facts, facts)
    except OSError:
        with contextlib.suppress(OSError):
            disk.overwrite(run.facts, runs.json_of(facts).encode())


class Observer(DefaultAlgoObserver):
    """Watches a run of any algorithm: bar, progress.csv, nn/last.pth, and the wish to stop."""

    def __init__(self, job: Job, facts: dict[str, Any], bar: Bar, stop: StopWish) -> None:
        super().__init__()
        self.job = job
        self.facts = facts
        self.bar = bar
        self.stop = stop
        self.rows = runs.read_progress(job.run, job.epoch) if job.checkpoint else []
        last = self.rows[-1] if self.rows else {"wall_seconds": 0.0, "cpu_seconds": 0.0}
        self.wall_start = time.perf_counter() - float(last["wall_seconds"])
        self.cpu_start = time.process_time() - float(last["cpu_seconds"])
        self.algo: Any = None
        self.saver = disk.Saver()
        self.begun = False
        self.behind = False  # progress.csv lacks rows
        self.last_read = 0.0
        self.saved_at = time.perf_counter()
        self.saved_epoch = -1
        self.saved_frames = 0

    def seconds(self) -> tuple[float, float]:
        """(wall, CPU) seconds of the run with its earlier sessions; the CPU's of every thread."""
        return time.perf_counter() - self.wall_start, time.process_time() - self.cpu_start

    def after_init(self, algo: Any) -> None:
        super().after_init(algo)
        # Of one of our agents its own; rl_games' would wait through 31 seconds on a full disk, and
        # then end the run.
        self.saver = getattr(algo, "saver", self.saver)
        algo.save = self._save_as
        disk.outlive(algo.writer)
        self.last_read, _ = self.seconds()

    def after_steps(self) -> None:
        """After an epoch's rollout, before its update."""
        super().after_steps()
        if self.begun:
            return
        if self.job.learning_rate is not None:
            self.algo.update_lr(self.job.learning_rate)
        self.algo.last_lr = self.algo.optimizer.param_groups[0]["lr"]
        if self.job.best_return is not None:
            self.algo.last_mean_rewards = self.job.best_return
        # Only now: a checkpoint that does not fit must leave the run's files as they were.
        runs.write_text(self.job.run.config, configs.dump(self.job.params))
        runs.write_json(self.job.run.facts, self.facts)
        runs.write_progress(self.job.run, self.rows)
        self.begun = True

    def after_print_stats(self, frame: int, epoch_num: int, total_time: float) -> None:
        """After an epoch; ``frame`` is rl_games' count from before it."""
        super().after_print_stats(frame, epoch_num, total_time)
        self._record(epoch_num)
        stop = self.stop.wished and epoch_num != self.algo.max_epochs
        if stop or time.perf_counter() - self.saved_at >= SAVE_EVERY:
            self.save()
        if stop:
            raise KeyboardInterrupt

    @property
    def frames(self) -> int:
        """Environment frames so far."""
        return self.algo.frame // self.algo.num_agents

    def save(self) -> bool:
        """Whether this epoch's nn/last.pth stands; it is written unless it does."""
        if self.algo is None or self.algo.epoch_num == self.saved_epoch:
            return True
        self.saved_at = time.perf_counter()
        if not self.saver.save(self.algo.get_full_state_weights(), self.job.run.last):
            return False
        self.saved_epoch, self.saved_frames = self.algo.epoch_num, self.frames
        return True

    def save_before(self) -> None:
        """Write nn/last.pth as of before this epoch, whose rollout was refused."""
        if self.begun:
            self.algo.epoch_num -= 1
            self.save()

    def _save_as(self, name: str) -> None:
        self.saver.save(self.algo.get_full_state_weights(), Path(f"{name}.pth"))

    def _record(self, epoch: int) -> None:
        wall, cpu = self.seconds()
        meter = self.algo.game_rewards  # the mean over recent episodes
        value = float(meter.mean.reshape(-1)[0]) if meter.current_size else None
        frames = self.algo.curr_frames * self.algo.world_size / self.algo.num_agents
        row = {
            "epoch": f"{epoch}",
            "frame": f"{self.frames}",
            "wall_seconds": f"{wall:.3f}",
            "cpu_seconds": f"{cpu:.3f}",
            "mean_return": "" if value is None else f"{value:.6g}",
            "fps": f"{frames / max(wall - self.last_read, 1e-9):.1f}",
        }
        self.last_read = wall
        self.rows.append(row)
        try:
            if self.behind:
                runs.write_progress(self.job.run, self.rows)
            else:
                runs.append_progress(self.job.run, row)
            self.behind = False
        except OSError as error:
            if not self.behind:
                reason = error.strerror or error
                logger.warning("%s waits for room (%s).", self.job.run.progress, reason)
            self.behind = True
        self.bar.show(self.frames, value)


def run_to_end(job: Job, observer: Observer) -> str:
    """rl_games' training loop; returns how it ended."""
    runner = Runner(observer)
    with job.checkpoint.readable() if job.checkpoint else contextlib.nullcontext() as restore:
        runner.load({"params": params_of_session(job)})
        registration.enter_runner(runner, job.settings)
        seed_all(runner.params["seed"])
        try:
            runner.run({"train": True, "play": False, "checkpoint": restore and str(restore)})
        except KeyboardInterrupt:
            # Either all is saved, or the networks are half updated and the last checkpoint stays.
            return "interrupted"
        except SimulatorError:
            observer.save_before()
            raise
        finally:
            if observer.algo is not None:
                observer.algo.writer.close()
    return "finished" if observer.save() else "failed"


def params_of_session(job: Job) -> Params:
    """The configuration as rl_games is to have it: with this run's place, frames as it counts them,
    and seeds of its own where a run goes on.
    """
    params = deepcopy(job.params)
    config = params["config"]
    config["train_dir"] = str(job.run.folder.resolve().parent)
    config["full_experiment_name"] = job.run.name
    if config.get("max_frames", -1) != -1:
        # rl_games counts every agent's frame, its user the environments'.
        config["max_frames"] *= validation.rows_per_env(params)
    environment = config.setdefault("env_config", {})
    environment.setdefault("seed", params["seed"])
    for block in (params, environment):
        # Not the numbers again with which the run began.
        block["seed"] = continued_seed(block["seed"], job.epoch)
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
