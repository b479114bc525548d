"""Every difference between rl_games versions (1.6.1 as Isaac Lab pins it, 1.6.5, 2.0)."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

#: position of ``frame`` among the arguments of rl_games' ``write_stats``
FRAME_POSITION = 11


def backward(agent: Any, loss: Tensor) -> None:
    """Backpropagate through rl_games' gradient scaler, which 2.0 no longer has."""
    scaler = getattr(agent, "scaler", None)
    (loss if scaler is None else scaler.scale(loss)).backward()


def frame_of_stats(agent: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """The frame count that rl_games stamps on an epoch's scalars."""
    return kwargs["frame"] if "frame" in kwargs else args[FRAME_POSITION]
