"""GenPO's agent: PPO on the pair's exact density, with the compression loss.

Source: "GenPO: Generative Diffusion Models Meet On-Policy Reinforcement Learning", 2025,
https://arxiv.org/abs/2505.18763. Ours: the adaptive schedule, the non-negative KL estimator, and
rl_games' bounds loss on fresh samples' executed action (a Gaussian's mean has no counterpart).
"""

import logging
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from rlg_genpo.common import estimators, losses
from rlg_genpo.common import messages as io
from rlg_genpo.common.agent import GenerativeAgent, Losses
from rlg_genpo.genpo import coupled
from rlg_genpo.genpo.config import GenPOSettings
from rlg_genpo.genpo.schedule import BoundedAdaptive
from rlg_genpo.host import compat

logger = logging.getLogger(__name__)

COMPRESSIONS = {"squared": losses.compression_squared, "norm": losses.compression_norm}
KL_ESTIMATORS = {"nonnegative": estimators.kl_nonnegative, "plain": estimators.kl_plain}

#: states and samples per state on which an epoch's spread and round-trip error are measured
PROBE_STATES, PROBE_SAMPLES = 64, 16


class GenPOAgent(GenerativeAgent):
    """``algo.name: genpo``."""

    name_in_logs = "genpo"

    def __init__(self, base_name: str, params: dict[str, Any]) -> None:
        settings = GenPOSettings.from_params(params)
        self.algo = settings.algo
        self.head = settings.head()
        super().__init__(base_name, params)
        self._warn_of_entropy()
        if self.is_adaptive_lr:
            self.scheduler = self._adaptive_schedule()

    def _adaptive_schedule(self) -> BoundedAdaptive:
        start = float(self.config["learning_rate"])
        per_mini_epoch = self.num_minibatches if compat.decides_per_minibatch(self) else 1
        return BoundedAdaptive(
            kl_threshold=float(self.kl_threshold),
            min_lr=self.algo.min_lr,
            max_lr=start if self.algo.max_lr is None else self.algo.max_lr,
            window=per_mini_epoch if self.algo.adapt == "epoch" else 0,
        )

    def bounded_rate(self, rate: float) -> float:
        if not isinstance(self.scheduler, BoundedAdaptive):
            return rate
        return min(max(rate, self.scheduler.min_lr), self.scheduler.max_lr)

    def _warn_of_entropy(self) -> None:
        if self.entropy_coef:
            logger.warning(
                "params.config.entropy_coef: %g. GenPO's entropy is a constant of its parameters; "
                "this adds the released code's cross-entropy term, -mean log pi_new over stored "
                "actions, whose expected gradient is zero until the policy has moved. Logged as "
                "genpo/loss_cross_entropy.",
                self.entropy_coef,
            )

    def fresh_samples(self, batch: io.Minibatch) -> int:
        if not self.algo.compression_coef and not self.bounds_loss_coef:
            return 0
        return max(1, round(self.algo.compression_fraction * len(batch.stored)))

    def policy_losses(self, batch: io.Minibatch, result: io.Evaluation) -> Losses:
        # Fresh samples have no mask: the observation of a reset's row is a real one too.
        terms: Losses = {}
        if self.algo.compression_coef:
            compression = COMPRESSIONS[self.algo.compression](result.fresh).mean()
            terms["compression"] = (self.algo.compression_coef, compression)
        if self.bounds_loss_coef:
            bound = losses.BOUNDS[self.bound_loss_type](self.policy.to_env(result.fresh)).mean()
            terms["bounds"] = (self.bounds_loss_coef, bound)
        if self.entropy_coef:
            cross_entropy = estimators.masked_mean(result.neglogp, batch.mask)
            terms["cross_entropy"] = (-self.entropy_coef, cross_entropy)
        return terms

    def schedule_kl(self, batch: io.Minibatch, result: io.Evaluation, log_ratio: Tensor) -> Tensor:
        return KL_ESTIMATORS[self.algo.kl_estimator](log_ratio)

    def epoch_scalars(self, batch: Mapping[str, Any]) -> dict[str, Tensor | float]:
        pair = batch["actions"]
        policy = self.policy
        return {
            "compression_distance": losses.compression_norm(pair).mean(),
            "pair_entropy": coupled.pair_entropy(policy.action_dim, policy.steps, policy.mix),
            "saturated_share": (coupled.executed(pair).abs() > 1).float().mean(),
            **self._probe(),
        }

    def _probe(self) -> dict[str, Tensor]:
        """Spread of the executed action at a state, and the inverse's error, on a few states."""
        # Evenly spread over the environments, which may differ in terrain or task.
        source = self.current_source()
        source = source[:: max(1, len(source) // PROBE_STATES)][:PROBE_STATES]
        source = source.repeat_interleave(PROBE_SAMPLES, dim=0)
        policy = self.policy
        condition = policy.condition(source)
        noise = policy.noise(condition)
        pair = policy.flow(condition, noise)
        action = policy.to_env(pair).unflatten(0, (-1, PROBE_SAMPLES))
        return {
            "action_spread": action.std(dim=1).mean(),
            "inverse_error": (policy.noise_of(condition, pair) - noise).abs().max(),
        }
