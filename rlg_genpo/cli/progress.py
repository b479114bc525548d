"""What a terminal shows of a run: one progress bar, and what is said above it."""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from tqdm import tqdm

from rlg_genpo.cli.runs import Run

#: seconds between two lines where there is no terminal
LINE_EVERY = 10.0


class Lossy:
    """A stream that a full disk, a closed terminal or a reader that went away cannot make fail.

    Args:
        stream: what it writes to while that takes it.
        unread: called when its reader has gone away, as ``head`` does.
    """

    def __init__(self, stream: TextIO, unread: Callable[[], object] | None = None) -> None:
        self.stream, self.unread = stream, unread

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        self._try(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self.stream.flush)

    def close(self) -> None:
        self._try(self.stream.close)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except BrokenPipeError:
            # Or Python fails once more when it flushes its streams at exit.
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), self.stream.fileno())
            if self.unread is not None:
                self.unread()
        except OSError:
            pass


class Bar(tqdm):
    """tqdm's bar on a terminal; elsewhere the same facts, in a line every ten seconds.

    ``total`` counts the frames of the whole run, ``frame`` those done before this session.
    """

    # An epoch's end is often enough; no thread is needed to look after the bar.
    monitor_interval = 0

    def __init__(self, stream: TextIO | Lossy, total: int | None, frame: int = 0) -> None:
        self.live = stream.isatty()
        self.log: Lossy | None = None  # takes what is said as well
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
        if self.log is not None:
            self.log.write(f"{text}\n")
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


class StopWish:
    """What ends training after this epoch, saved: Ctrl-C, SIGTERM, or that nobody looks any more.

    A second Ctrl-C or SIGTERM abandons the epoch; a terminal that closes sends several signals.
    """

    def __init__(self, bar: Bar) -> None:
        self.bar = bar
        self.wished = False

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to the signals, which reach the main thread only."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
            numbers.append(signal.SIGHUP)
        main = threading.current_thread() is threading.main_thread()
        before = {number: signal.signal(number, self._hear) for number in numbers if main}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def wish(self, why: str) -> None:
        """Stop after this epoch."""
        if self.wished:
            return
        self.wished = True
        # A signal may fall into a write to the same stream, which Python refuses.
        with contextlib.suppress(RuntimeError):
            self.bar.message(f"{why}stopping after this epoch; Ctrl-C again abandons it")

    def unread(self) -> None:
        """The reader of the bar has gone away."""
        self.wish("nobody reads this any more; ")

    def _hear(self, number: int, *_: object) -> None:
        if number == signal.SIGHUP:
            self.wish("the terminal was closed; ")
        elif self.wished:
            raise KeyboardInterrupt
        else:
            self.wish("")


@contextlib.contextmanager
def output(run: Run, bar: Bar) -> Iterator[None]:
    """The library's warnings above the bar; what rl_games prints, and Python's, in the log."""
    logger, handler = logging.getLogger("rlg_genpo"), logging.Handler(logging.WARNING)
    handler.emit = lambda record: bar.message(f"{record.levelname.lower()}: {record.getMessage()}")
    logger.addHandler(handler)
    bar.log = Lossy(run.log.open("a", buffering=1))
    try:
        with contextlib.redirect_stdout(bar.log), contextlib.redirect_stderr(bar.log):  # type: ignore[type-var]
            yield
    finally:
        logger.removeHandler(handler)
        bar.log.close()
        bar.log = None
