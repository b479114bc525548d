"""One progress bar, one table row an epoch, and the checkpoints in between.

Independent of the algorithm: rl_games calls the observer with any agent.
"""

import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from rl_games.common.algo_observer import DefaultAlgoObserver

from rlg_genpo.cli import runs
from rlg_genpo.cli.runs import Run

#: seconds between two writings of nn/last.pth, and between two lines where there is no terminal
SAVE_EVERY, LINE_EVERY = 60.0, 10.0
BAR_WIDTH = 12
#: epochs over which the displayed speed is averaged
SPEED_WINDOW = 20


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


class Bar:
    """A progress bar on a terminal, or a line every ten seconds elsewhere."""

    def __init__(self, stream: TextIO, total: int | None) -> None:
        self.stream = stream
        self.total = total
        self.live = stream.isatty()
        self.shown_at = -LINE_EVERY
        self.text = self.shown = ""
        self.recent: deque[tuple[float, int]] = deque(maxlen=SPEED_WINDOW)

    def update(self, frame: int, mean_return: float | None) -> None:
        now = time.perf_counter()
        self.recent.append((now, frame))
        self.text = self.describe(frame, mean_return)
        if self.live:
            self._draw()
        elif now - self.shown_at >= LINE_EVERY:
            self._line()

    def start(self, frame: int) -> None:
        self.recent.append((time.perf_counter(), frame))

    def close(self) -> None:
        """Leave the last state standing."""
        if self.live and self.text:
            self.stream.write("\n")
        elif self.text != self.shown:
            self._line()
        self.text = ""

    def message(self, text: str) -> None:
        """A line above the bar."""
        if self.live:
            self.stream.write("\r\x1b[K")
        self.stream.write(f"{text}\n")
        if self.live and self.text:
            self._draw()
        self.stream.flush()

    def describe(self, frame: int, mean_return: float | None) -> str:
        """Percent, frames, return, speed and time left."""
        speed = self.speed()
        parts = [short(frame)]
        if self.total:
            share = min(frame / self.total, 1.0)
            filled = round(share * BAR_WIDTH)
            bar = "#" * filled + "-" * (BAR_WIDTH - filled)
            parts = [f"[{bar}] {share:4.0%}", f"{short(frame)}/{short(self.total)}"]
        parts[-1] += " frames"
        parts.append("return -" if mean_return is None else f"return {mean_return:.1f}")
        parts.append(f"{short(speed)}/s")
        if self.total and speed:
            parts.append(f"{duration(max(0, self.total - frame) / speed)} left")
        return "  ".join(parts)

    def speed(self) -> float:
        """Frames per second over the recent epochs."""
        (start, first), (end, last) = self.recent[0], self.recent[-1]
        return (last - first) / (end - start) if end > start else 0.0

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns
        self.stream.write(f"\r{self.text[: width - 1]}\x1b[K")
        self.stream.flush()

    def _line(self) -> None:
        self.shown, self.shown_at = self.text, time.perf_counter()
        self.stream.write(f"{self.text}\n")
        self.stream.flush()


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
        self.bar.update(self.frames, value)


def short(count: float) -> str:
    """1234567 as 1.23M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}"


def duration(seconds: float) -> str:
    """h:mm:ss"""
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}"
