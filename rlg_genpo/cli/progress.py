"""One progress bar, one table row an epoch, and the checkpoints in between.

Independent of the algorithm: rl_games calls the observer with any agent.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from rl_games.common.algo_observer import DefaultAlgoObserver
from tqdm import tqdm

from rlg_genpo.cli import runs
from rlg_genpo.cli.runs import Run

#: seconds between two writings of nn/last.pth, and between two lines where there is no terminal
SAVE_EVERY, LINE_EVERY = 60.0, 10.0


class Interrupted(KeyboardInterrupt):
    """The user asked to stop, and it is an epoch's end: everything is saved."""


@dataclass(frozen=True)
class Restored:
    """What rl_games' resume forgets, or the user wants otherwise; None to leave it."""

    best_return: float | None = None
    learning_rate: float | None = None


class Clock:
    """Wall-clock and CPU seconds of a run, across its resumptions."""

    def __init__(self, wall: float = 0.0, cpu: float = 0.0) -> None:
        self.start = time.perf_counter() - wall, time.process_time() - cpu

    def read(self) -> tuple[float, float]:
        """(wall, CPU) seconds; the CPU's count every thread of this process."""
        return time.perf_counter() - self.start[0], time.process_time() - self.start[1]


class Bar(tqdm):
    """tqdm's bar on a terminal; elsewhere the same facts, in a line every ten seconds.

    Args:
        stream: where it is written.
        total: frames of the whole run; None if it has no end.
        frame: frames done before this session.
    """

    # An epoch's end is often enough; no thread is needed to look after the bar.
    monitor_interval = 0

    def __init__(self, stream: TextIO, total: int | None, frame: int = 0) -> None:
        self.live = stream.isatty()
        super().__init__(
            total=total,
            initial=frame,
            file=stream,
            unit=" frames",
            unit_scale=True,
            dynamic_ncols=self.live,
            mininterval=0.1 if self.live else LINE_EVERY,
            miniters=1,
            delay=1e-9,  # nothing to show before the first epoch
        )

    def show(self, frame: int, mean_return: float | None) -> None:
        """Go on to ``frame``, with the mean return of recent episodes where one has ended."""
        text = "return -" if mean_return is None else f"return {mean_return:.1f}"
        self.set_postfix_str(text, refresh=False)
        if self.total is not None:
            # The last epoch is a whole one, also where params.config.max_frames ends within it.
            self.total = max(self.total, frame)
        self.update(frame - self.n)

    def message(self, text: str) -> None:
        """Write a line above the bar."""
        if self.live:
            self.write(text, file=self.fp)
        else:
            self.fp.write(f"{text}\n")
        self.fp.flush()

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        if self.live:
            super().display(msg, pos)
        elif msg is None:  # an empty one would clear the bar
            self.fp.write(f"{self}\n")
            self.fp.flush()

    def close(self) -> None:
        """Leave the last state standing."""
        if not self.live and not self.disable:
            self.leave = False  # of a last line of tqdm's own
            if self.n != self.last_print_n:
                self.display()
        super().close()


class Observer(DefaultAlgoObserver):
    """Watches a training run: bar, progress.csv, nn/last.pth, and the wish to stop."""

    def __init__(
        self,
        run: Run,
        bar: Bar,
        clock: Clock,
        stop_wished: Callable[[], bool],
        begin: Callable[[], None],
        restored: Restored,
    ) -> None:
        super().__init__()
        self.run = run
        self.bar = bar
        self.clock = clock
        self.stop_wished = stop_wished
        self.begin = begin
        self.restored = restored
        self.algo: Any = None
        self.begun = False
        self.last_read = 0.0
        self.saved_at = time.perf_counter()
        self.saved_epoch = -1
        self.saved_frames = 0

    def after_init(self, algo: Any) -> None:
        super().after_init(algo)
        self.last_read = self.clock.read()[0]

    def after_steps(self) -> None:
        """After an epoch's rollout, before its update."""
        super().after_steps()
        if not self.begun:
            self._restore()
            self.begin()
            self.begun = True

    def _restore(self) -> None:
        if self.restored.learning_rate is not None:
            self.algo.update_lr(self.restored.learning_rate)
        self.algo.last_lr = self.algo.optimizer.param_groups[0]["lr"]
        if self.restored.best_return is not None:
            self.algo.last_mean_rewards = self.restored.best_return

    def after_print_stats(self, frame: int, epoch_num: int, total_time: float) -> None:
        """After an epoch; ``frame`` is rl_games' count from before it.

        Raises:
            Interrupted: the user asked to stop; everything is saved.
        """
        super().after_print_stats(frame, epoch_num, total_time)
        self._record(epoch_num)
        stop = self.stop_wished() and epoch_num != self.algo.max_epochs
        if stop or time.perf_counter() - self.saved_at >= SAVE_EVERY:
            self.save()
        if stop:
            raise Interrupted

    @property
    def frames(self) -> int:
        """Environment frames so far."""
        return self.algo.frame // self.algo.num_agents

    def mean_return(self) -> float | None:
        """rl_games' mean over recent episodes; None until one has ended."""
        meter = self.algo.game_rewards
        return float(meter.mean.reshape(-1)[0]) if meter.current_size else None

    def save(self) -> None:
        """Write nn/last.pth, unless this epoch's stands there."""
        if self.algo is None or self.algo.epoch_num == self.saved_epoch:
            return
        runs.save_last(self.algo, self.run)
        self.saved_at, self.saved_epoch = time.perf_counter(), self.algo.epoch_num
        self.saved_frames = self.frames

    def _record(self, epoch: int) -> None:
        wall, cpu = self.clock.read()
        value = self.mean_return()
        frames = self.algo.curr_frames * self.algo.world_size / self.algo.num_agents
        row = {
            "epoch": epoch,
            "frame": self.frames,
            "wall_seconds": f"{wall:.3f}",
            "cpu_seconds": f"{cpu:.3f}",
            "mean_return": "" if value is None else f"{value:.6g}",
            "fps": f"{frames / max(wall - self.last_read, 1e-9):.1f}",
        }
        self.last_read = wall
        runs.append_progress(self.run, row)
        self.bar.show(self.frames, value)
