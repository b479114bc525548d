"""GenPO's agent: PPO on the pair's exact density, with the compression loss.

Source: "GenPO: Generative Diffusion Models Meet On-Policy Reinforcement Learning", 2025,
https://arxiv.org/abs/2505.18763. Ours: the Gaussian base and what goes with it, the entropy's true
gradient and rl_games' bounds loss on the base's mean; without a base, the latter on fresh samples'
executed action.
"""

import logging
from typing import Any

from torch import Tensor

from rlg_genpo.common import estimators, losses
from rlg_genpo.common.agent import PROBE_SAMPLES, Losses
from rlg_genpo.common.messages import POLICY_TENSORS, Evaluation, Minibatch
from rlg_genpo.common.ppo import PPOAgent
from rlg_genpo.genpo import coupled
from rlg_genpo.genpo.config import GenPOConfig

logger = logging.getLogger(__name__)

COMPRESSIONS = {"squared": coupled.compression_squared, "norm": coupled.compression_norm}


class GenPOAgent(PPOAgent):
    """``algo.name: genpo``."""

    settings: GenPOConfig

    def __init__(self, base_name: str, params: dict[str, Any], settings: GenPOConfig) -> None:
        super().__init__(base_name, params, settings)
        self.based = settings.flow.based
        if self.based:
            self.kept = POLICY_TENSORS
        if self.is_adaptive_lr:
            # rl_games' own schedule has these bounds as attributes.
            self.scheduler.min_lr, self.scheduler.max_lr = self.rate_bounds()
        if self.entropy_coef and not self.based:
            logger.warning(
                "params.config.entropy_coef: %g does nothing: without a Gaussian base, GenPO's "
                "entropy is a constant of its parameters. Use params.network.flow.base: gaussian, "
                "or the released code's term, params.algo.cross_entropy_coef.",
                self.entropy_coef,
            )

    def rate_bounds(self) -> tuple[float, float]:
        low, high = self.settings.rate_bounds()
        return low, float(self.config["learning_rate"]) if high is None else high

    def bounded_rate(self, rate: float) -> float:
        if not self.is_adaptive_lr:
            return rate
        low, high = self.rate_bounds()
        return min(max(rate, low), high)

    def fresh_samples(self, batch: Minibatch) -> int:
        algo = self.settings.algo
        if not algo.compression_coef and (self.based or not self.bounds_loss_coef):
            return 0
        return max(1, round(algo.compression_fraction * len(batch.stored)))

    def policy_losses(self, batch: Minibatch, answer: Evaluation) -> Losses:
        # Fresh samples have no mask: the observation of a reset's row is a real one too.
        algo, terms = self.settings.algo, Losses()
        if algo.compression_coef:
            compression = COMPRESSIONS[algo.compression](answer.fresh).mean()
            terms["compression"] = (algo.compression_coef, compression)
        if self.bounds_loss_coef:
            terms["bounds"] = (self.bounds_loss_coef, self._bounds_loss(batch, answer))
        if self.entropy_coef and self.based:
            # Half of it, since each sigma stands twice in a pair: as strong as in a Gaussian.
            entropy = estimators.masked_mean(answer.density.entropy, batch.mask)
            terms["entropy"] = (-0.5 * self.entropy_coef, entropy)
        if algo.cross_entropy_coef:
            cross_entropy = estimators.masked_mean(answer.density.neglogp, batch.mask)
            terms["cross_entropy"] = (-algo.cross_entropy_coef, cross_entropy)
        return terms

    def _bounds_loss(self, batch: Minibatch, answer: Evaluation) -> Tensor:
        """rl_games' own, of the base's mean; without a base, of fresh samples."""
        loss, gaussian = losses.BOUNDS[self.bound_loss_type], answer.density.gaussian
        if gaussian is None:
            return loss(self.policy.to_env(answer.fresh)).mean()
        return estimators.masked_mean(loss(gaussian.mean), batch.mask)

    def epoch_scalars(self, stored: Tensor) -> dict[str, Tensor | float]:
        policy, source = self.policy, self.probe_source()
        condition = policy.condition(source.repeat_interleave(PROBE_SAMPLES, dim=0))
        noise = policy.noise(condition)
        pair = policy.flow(condition, noise)
        action = policy.to_env(pair).unflatten(0, (-1, PROBE_SAMPLES))
        density = policy.density(condition, noise)
        found = {} if density.gaussian is None else {"sigma": density.gaussian.sigma.mean()}
        return found | {
            "compression_distance": coupled.compression_norm(stored).mean(),
            "pair_entropy": density.entropy.mean(),
            "saturated_share": (coupled.executed(stored).abs() > 1).float().mean(),
            # of the executed action at a state, and of the inverse, at a few states
            "action_spread": action.std(dim=1).mean(),
            "inverse_error": (policy.noise_of(condition, pair) - noise).abs().max(),
        }
