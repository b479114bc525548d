"""Multiply-adds of one call: what a cost would be if every multiplication took the same time.

Of matrix products and convolutions, forward and backward, as ``torch.utils.flop_counter`` counts
them; activations, random numbers and determinants are left out.
"""

from collections.abc import Callable

from torch.utils.flop_counter import FlopCounterMode


def multiply_adds(work: Callable[[], object]) -> float:
    """Of one call."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 2
