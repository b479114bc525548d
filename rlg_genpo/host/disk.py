"""Files that a kill or a power loss leaves whole, and training that outlives a full disk."""

import contextlib
import io
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

logger = logging.getLogger(__name__)

#: seconds until scalars are tried again on a disk that took none
RETRY_EVERY = 60.0


def write(path: Path, data: bytes | memoryview) -> None:
    """Write ``data`` in place of ``path``; nobody ever sees half of it.

    Raises:
        OSError: the disk does not take it; ``path`` stays as it was.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            # Or a power loss after the renaming leaves a file of no bytes.
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    with contextlib.suppress(OSError):  # some network folders take no fsync
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def overwrite(path: Path, data: bytes) -> None:
    """Write over a file where it stands, which takes no room of a full disk if it does not grow."""
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


def clean(folder: Path) -> None:
    """Remove what a process that was killed amid :func:`write` left there."""
    for temporary in folder.glob(".*.tmp"):
        temporary.unlink(missing_ok=True)


class Saver:
    """Writes checkpoints. Where the disk takes none, the old one stays, and training goes on."""

    def __init__(self) -> None:
        self.failing = False

    def save(self, state: Mapping[str, Any], path: Path) -> bool:
        """Write a state; whether it stands there now. A warning says once that it does not."""
        data = io.BytesIO()  # torch turns a file's OSError into others, or ends the process
        try:
            torch.save(state, data)
            write(path, data.getbuffer())
        except OSError as error:
            if not self.failing:
                kept = "the one of before is kept" if path.exists() else "there is none of before"
                logger.warning(
                    "%s was not written (%s): %s. Training goes on and tries again at the next "
                    "save; make room.",
                    path,
                    error.strerror or error,
                    kept,
                )
            self.failing = True
            return False
        if self.failing:
            logger.warning("%s is written again.", path)
        self.failing = False
        return True


class Events:
    """TensorBoard's event file: what a full disk does not take is dropped, and a new file begins.

    Without it tensorboardX's writing thread dies of the full disk, and the training waits for ever
    to hand it the next scalar: neither SIGTERM nor the end of the run ends that.

    Args:
        writer: tensorboardX's.
        anew: makes another one, on a file of its own.
    """

    def __init__(self, writer: Any, anew: Callable[[], Any]) -> None:
        self.writer, self.anew = writer, anew
        self.lost_at = 0.0
        self.lock = threading.RLock()

    def write_event(self, event: Any) -> None:
        with self.lock, self._losing():
            if self.writer is None and time.monotonic() - self.lost_at > RETRY_EVERY:
                self.writer = self.anew()
            if self.writer is not None:
                self.writer.write_event(event)

    def flush(self) -> None:
        with self.lock, self._losing():
            if self.writer is not None:
                self.writer.flush()

    def close(self) -> None:
        with self.lock, self._losing():
            if self.writer is not None:
                self.writer.close()

    @contextlib.contextmanager
    def _losing(self) -> Any:
        try:
            yield
        except OSError as error:
            if not self.lost_at:
                reason = error.strerror or error
                logger.warning("TensorBoard's scalars are lost for now (%s); make room.", reason)
            # A record may be torn: what follows it in the same file could not be read.
            self.writer, self.lost_at = None, time.monotonic()


def outlive(writer: Any) -> None:
    """Let a SummaryWriter of tensorboardX, or a wrapper of rl_games around one, lose scalars."""
    while writer is not None and not hasattr(writer, "file_writer"):
        writer = getattr(writer, "writer", None)
    events = getattr(getattr(writer, "file_writer", None), "event_writer", None)
    first, thread = getattr(events, "_ev_writer", None), getattr(events, "_worker", None)
    if events is None or thread is None or first is None or isinstance(first, Events):
        return
    count = iter(range(1, 1_000_000))

    def anew() -> Any:
        return type(first)(os.path.join(events.get_logdir(), "events"), f".{next(count)}")

    events._ev_writer = thread._record_writer = Events(first, anew)


class Ending:
    """Closes an agent's event files where an error ends the run; to be inherited before rl_games'.

    Otherwise tensorboardX would do so when the interpreter ends, fail to start a thread, and put
    its own traceback below the error's message.
    """

    writer: Any

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            if self.writer is not None:
                self.writer.close()
            raise

    def train(self) -> Any:
        with self._ending():
            return super().train()  # type: ignore[misc]

    def restore(self, fn: str, *args: Any, **kwargs: Any) -> None:
        with self._ending():
            super().restore(fn, *args, **kwargs)  # type: ignore[misc]
