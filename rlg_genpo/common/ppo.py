"""The agent of policies whose stored actions have a density: PPO's clipped ratio on it."""

from typing import Any

import torch
from rl_games.common import common_losses
from torch import Tensor

from rlg_genpo.common import messages
from rlg_genpo.common.agent import Agent, Losses, Pass
from rlg_genpo.common.estimators import clipped_share, kl_nonnegative, kl_plain, masked_mean
from rlg_genpo.common.losses import clipped_surrogate


class PPOAgent(Agent):
    """PPO on the density of a stored action. A method supplies its policy, losses and scalars."""

    kept = ("neglogpacs",)
    suspect, remedy = "its ratio or its loss", ", or use lr_schedule: adaptive"

    # -- what a method supplies -------------------------------------------------------------

    def fresh_samples(self, batch: messages.Minibatch) -> int:
        """How many fresh differentiable samples the losses want for a minibatch."""
        return 0

    def policy_losses(self, batch: messages.Minibatch, answer: messages.Evaluation) -> Losses:
        """Auxiliary losses by name: (coefficient, mean loss); here the entropy's."""
        if not self.entropy_coef:
            return {}
        entropy = masked_mean(answer.density.entropy, batch.mask)
        return {"entropy": (-self.entropy_coef, entropy)}

    def schedule_kl(self, batch: messages.Minibatch, answer: messages.Evaluation) -> Tensor:
        """KL or its estimator, (B,), that the adaptive schedule reads.

        As rl_games measures a Gaussian's: to the policy after the pass before, so that
        ``kl_threshold`` means the same.
        """
        assert batch.latest_neglogp is not None
        return kl_nonnegative((batch.latest_neglogp - answer.density.neglogp).detach())

    def minibatch_scalars(
        self, batch: messages.Minibatch, answer: messages.Evaluation
    ) -> dict[str, Tensor]:
        """Scalars measured at every gradient step, before it."""
        return {}

    # -- update -----------------------------------------------------------------------------

    def prepare_dataset(self, batch_dict: dict[str, Any]) -> None:
        super().prepare_dataset(batch_dict)
        messages.keep_latest_density(self.dataset)

    def forward_pass(self, batch: messages.Minibatch) -> Pass:
        fresh = self.fresh_samples(batch)
        answer = self.model(messages.Evaluate(batch.seen, batch.stored, fresh))
        assert batch.old_neglogp is not None
        log_ratio = batch.old_neglogp - answer.density.neglogp
        actor = masked_mean(self._surrogate(log_ratio, batch.advantage), batch.mask)
        critic = self.critic_loss(batch, answer)
        auxiliary = self.policy_losses(batch, answer) | self.trunk_losses()
        return Pass(answer, critic, actor, auxiliary)

    def _surrogate(self, log_ratio: Tensor, advantage: Tensor) -> Tensor:
        if self.use_smooth_clamp:
            zeros = torch.zeros_like(log_ratio)
            return common_losses.smoothed_actor_loss(log_ratio, zeros, advantage, True, self.e_clip)
        return clipped_surrogate(log_ratio, advantage, self.e_clip)

    def report(self, batch: messages.Minibatch, done: Pass) -> messages.GradientStep:
        density, mask = done.answer.density, batch.mask
        assert batch.old_neglogp is not None
        log_ratio = (batch.old_neglogp - density.neglogp).detach()
        kl = masked_mean(kl_nonnegative(log_ratio), mask)
        self.watched.append(kl)
        measured = {
            "kl_plain": masked_mean(kl_plain(log_ratio), mask),
            "kl_nonnegative": kl,
            "clipped_share": masked_mean(clipped_share(log_ratio, self.e_clip), mask),
            **self.minibatch_scalars(batch, done.answer),
        }
        for name, value in measured.items():
            self.scalars[name].append(value)
        kl_of_pass = masked_mean(self.schedule_kl(batch, done.answer), mask)
        messages.keep_latest_density(self.dataset, density.neglogp.detach())
        self.tell_diagnostics(batch, batch.old_neglogp, density.neglogp)
        assert done.actor is not None
        return messages.GradientStep(
            actor=done.actor.detach(),
            critic=done.critic.detach(),
            entropy=masked_mean(density.entropy, mask),
            kl=kl_of_pass,
            bounds=done.named("bounds"),
            gaussian=density.gaussian,
        )
