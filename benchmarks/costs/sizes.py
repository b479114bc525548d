"""Task sizes, as GenPO's paper trained them (https://arxiv.org/abs/2505.18763)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """A task's numbers and the hidden widths of its networks."""

    name: str
    observation: int
    action: int
    units: tuple[int, ...]


ANT = Size("Ant", 60, 8, (400, 200, 100))
HUMANOID = Size("Humanoid", 87, 21, (400, 200, 100))
GO2 = Size("Go2 rough", 235, 12, (512, 256, 128))
SHADOW_HAND = Size("Shadow Hand", 157, 20, (512, 512, 256, 128))
TINY = Size("tiny", 6, 2, (8, 8))

#: N and p of every GenPO here
STEPS, MIX = 5, 0.9
