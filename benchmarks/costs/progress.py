"""A line on stderr about what is being measured, and how long it may still take."""

import shutil
import time
from typing import TextIO

from tqdm import tqdm

#: seconds between two lines where there is no terminal
LINE_EVERY = 3.0


class Progress:
    """Counts measurements, part by part.

    Args:
        stream: stderr; a terminal gets one line that is rewritten.
        parts: how many parts there are.
    """

    def __init__(self, stream: TextIO, parts: int = 1) -> None:
        self.stream, self.parts = stream, parts
        self.live = stream.isatty()
        self.number = self.total = self.done = 0
        self.name = ""
        self.began = self.shown = time.perf_counter() - LINE_EVERY

    def part(self, name: str, measurements: int) -> None:
        """Begin the next part, which will announce so many measurements."""
        self.number += 1
        self.name, self.total, self.done = name, measurements, 0
        self.began = time.perf_counter()

    def step(self, text: str) -> None:
        """Announce a measurement, before it."""
        now = time.perf_counter()
        left = ""
        if self.done:
            rest = (now - self.began) / self.done * max(self.total - self.done, 0)
            left = f"  {tqdm.format_interval(rest)} left of this part"
        self.done += 1
        head = f"[part {self.number} of {self.parts}, {self.name}] {self.done}/{self.total}"
        self._show(f"{head}  {text}{left}", now)

    def close(self) -> None:
        if self.live:
            self.stream.write("\n")

    def _show(self, line: str, now: float) -> None:
        if self.live:
            width = shutil.get_terminal_size().columns
            self.stream.write(f"\r{line[: width - 1]}\x1b[K")
        elif now - self.shown >= LINE_EVERY or self.done == 1:
            self.shown = now
            self.stream.write(f"{line}\n")
        self.stream.flush()
