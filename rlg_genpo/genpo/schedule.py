"""A KL-adaptive learning rate that is fit for flows.

rl_games' own adaptive schedule multiplies the rate by 1.5 at every KL below half the target. A flow
starts almost at the identity and barely moves at first, so that schedule climbs to 1e-2 within the
first epoch and throws the flow far off. Two changes mend it: bounds of our own, whose upper one is
the starting rate unless the user says otherwise; and one decision per epoch, on the KL of the last
mini-epoch, since the KL to the rollout's policy is zero by construction at an epoch's start.
"""

from collections import deque

from rl_games.common.schedulers import RLScheduler

FACTOR = 1.5


class BoundedAdaptive(RLScheduler):
    """rl_games' rule (times or over 1.5 outside half..twice the target) within bounds.

    Args:
        kl_threshold: target KL, in nats.
        window: how many of the latest KLs a decision averages; 0 decides at every call, at the
            pace at which rl_games measures, instead of once an epoch.
    """

    def __init__(self, kl_threshold: float, min_lr: float, max_lr: float, window: int) -> None:
        super().__init__()
        self.kl_threshold, self.min_lr, self.max_lr = kl_threshold, min_lr, max_lr
        self.every_call = window == 0
        self.recent: deque[float] = deque(maxlen=max(window, 1))
        self.epoch: int | None = None

    def update(
        self, rate: float, entropy_coef: float, epoch: int, frames: int, kl: float, **_: object
    ) -> tuple[float, float]:
        """rl_games' call after each KL it measures; returns (rate, entropy coefficient)."""
        if self.every_call:
            return self._decide(rate, kl), entropy_coef
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
