"""Checkpoint files of anybody: read as tensors and plain data, never as code.

A checkpoint is a pickle, which may hold calls that run as it is read. torch's ``weights_only``
refuses those. What rl_games writes is let through beside tensors: the mean reward of a best
checkpoint is a scalar of numpy.
"""

import contextlib
import os
import pickle
import re
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlg_genpo.errors import CheckpointError

#: numbers that a scalar or a dtype of numpy may be
KINDS = "biufc"
#: where numpy 1 and numpy 2 keep what makes a scalar
MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
#: what torch says around the reason of a refusal
ADVICE = ("Weights only load failed", "Please file an issue", "(1) ", "(2) ", "Check the doc")
#: what a file that is no checkpoint, or a damaged one, makes torch raise
DAMAGED = (
    pickle.UnpicklingError, RuntimeError, EOFError, LookupError, AttributeError, ValueError,
    TypeError, AssertionError, OverflowError, struct.error,
)  # fmt: skip


def _scalar_of(module: str) -> Callable[..., Any]:
    """What unpickles a numpy scalar, under the name that torch looks up; numbers alone."""

    def scalar(kind: np.dtype, data: bytes) -> Any:
        if kind.kind not in KINDS:
            raise TypeError(f"a numpy scalar of {kind}")
        return np.frombuffer(data, kind)[0]

    scalar.__module__, scalar.__name__, scalar.__qualname__ = module, "scalar", "scalar"
    return scalar


ALLOWED = [
    *map(_scalar_of, MODULES),
    np.dtype,
    *{type(np.dtype(code)) for code in ("?", "i1", "i2", "i4", "i8", "u1", "f2", "f4", "f8")},
]


def read(path: str | Path, device: str | None = "cpu") -> dict[str, Any]:
    """A checkpoint of ours or of rl_games'.

    Args:
        device: where its tensors come to; None for the one that they were saved from.

    Raises:
        CheckpointError: there is no such file, it is no checkpoint, or it holds more than tensors,
            numbers, words, lists and dictionaries.
    """
    allowed = getattr(torch.serialization, "safe_globals", None)
    # torch before 2.5 reads all but the checkpoints that hold a scalar of numpy.
    lenient = contextlib.nullcontext() if allowed is None else allowed(ALLOWED)
    with lenient, warnings.catch_warnings():
        try:
            warnings.simplefilter("ignore")  # about files that are refused anyway
            state = torch.load(path, map_location=device, weights_only=True)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}).") from error
        except DAMAGED as error:
            raise CheckpointError(f"{path}: {_why(error)}") from error
    if not isinstance(state, dict):
        raise CheckpointError(
            f"{path}: holds {type(state).__name__}, not the dictionary of a checkpoint."
        )
    return state


def _why(error: Exception) -> str:
    """What torch says of a file that it did not read, in a sentence."""
    said = str(error)
    held = re.search(r"(?:GLOBAL |class '|function |type )(\w+(?:\.\w+)+)", said)
    if held:
        return (
            f"holds {held.group(1)} beside tensors and plain data; what is no plain data may run "
            "code as it is read, so the file is refused. Have it written again without that."
        )
    lines = (line.strip() for line in said.splitlines())
    own = next((line for line in lines if line and not line.startswith(ADVICE)), "")
    return f"not a readable checkpoint ({type(error).__name__}: {own})."


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[dict[str, Any]]:
    """A checkpoint, which rl_games too reads as :func:`read` does while the context lasts.

    rl_games itself reads with ``weights_only=False``, and 1.6.1 tries five times in 31 seconds.

    Raises:
        CheckpointError: as above, before rl_games reads.
    """
    state = read(path, None if torch.cuda.is_available() else "cpu")
    load = torch.load

    def loaded(file: Any, *args: Any, **kwargs: Any) -> Any:
        same = isinstance(file, (str, Path)) and os.fspath(file) == os.fspath(path)
        return state if same else read(file)

    torch.load = loaded
    try:
        yield state
    finally:
        torch.load = load


class Restoring:
    """What an agent or a player of rl_games' reads, read safely; to be inherited before theirs."""

    def examine(self, state: Mapping[str, Any]) -> None:
        """Refuse a checkpoint that does not fit, before anything of it is taken."""

    def restore(self, fn: str, *args: Any, **kwargs: Any) -> None:
        with opened(fn) as state:
            self.examine(state)
            super().restore(fn, *args, **kwargs)  # type: ignore[misc]

    def restore_central_value_function(self, fn: str) -> None:
        with opened(fn):
            super().restore_central_value_function(fn)  # type: ignore[misc]

    def maybe_load_new_checkpoint(self) -> None:
        """Of an evaluation worker, which watches a folder for checkpoints."""
        path = self.checkpoint_to_load  # type: ignore[attr-defined]
        with contextlib.nullcontext() if path is None else opened(path):
            super().maybe_load_new_checkpoint()  # type: ignore[misc]
