"""A KL-adaptive learning rate that is fit for flows.

rl_games' own adaptive schedule multiplies the rate by 1.5 at every KL below half the target, and
the KL to the rollout's policy is zero by construction at an epoch's start: the rate climbs in each
epoch's first minibatches and falls in its last. Here it is decided once an epoch, on the KL of the
last mini-epoch. Bounds of our own are for a flow without a Gaussian base: it barely moves at first,
so that the rate would climb to rl_games' 1e-2 and throw it far off.
"""

from collections import deque

from rl_games.common.schedulers import RLScheduler

FACTOR = 1.5


class BoundedAdaptive(RLScheduler):
    """rl_games' rule (times or over 1.5 outside half..twice the target) within bounds.

    Args:
        kl_threshold: target KL, in nats.
        window: how many of the latest KLs a decision averages.
    """

    def __init__(self, kl_threshold: float, min_lr: float, max_lr: float, window: int) -> None:
        super().__init__()
        self.kl_threshold, self.min_lr, self.max_lr = kl_threshold, min_lr, max_lr
        self.recent: deque[float] = deque(maxlen=window)
        self.epoch: int | None = None

    def update(
        self, rate: float, entropy_coef: float, epoch: int, frames: int, kl: float, **_: object
    ) -> tuple[float, float]:
        """rl_games' call after each KL it measures; returns (rate, entropy coefficient)."""
        if self.epoch not in (None, epoch):
            rate = self._decide(rate, sum(self.recent) / len(self.recent))
        self.epoch = epoch
        self.recent.append(kl)
        return rate, entropy_coef

    def _decide(self, rate: float, kl: float) -> float:
        if kl > 2 * self.kl_threshold:
            return max(rate / FACTOR, self.min_lr)
        if kl < 0.5 * self.kl_threshold:
            return min(rate * FACTOR, self.max_lr)
        return rate
