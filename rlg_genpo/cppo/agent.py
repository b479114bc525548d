"""Conditional PPO's agent: PPO on the kernel's conditional ratio, then distillation into the flow.

Source: "Diffusion Policy through Conditional Proximal Policy Optimization" (CPPO), 2026,
https://arxiv.org/abs/2603.04790. The stored (a_k, a), the conditional ratio and its clip, the
entropy bound, a score regulariser with weight 0.02, flow matching after PPO and an averaged
reference are the paper's. The regulariser's form and its alternatives, the averaging's rate and
what :mod:`rlg_genpo.cppo.distillation` and :mod:`rlg_genpo.cppo.policy` say of themselves are our
reconstruction; no code is public.
"""

from collections.abc import Mapping
from typing import Any

import torch
from rl_games.algos_torch import torch_ext
from torch import Tensor

from rlg_genpo.common import ema, gaussian, losses, messages
from rlg_genpo.common.agent import PROBE_SAMPLES, Losses
from rlg_genpo.common.estimators import masked_mean, mixture_entropy
from rlg_genpo.common.messages import Evaluation, Minibatch
from rlg_genpo.common.ppo import PPOAgent
from rlg_genpo.cppo import regularisers
from rlg_genpo.cppo.config import CPPOConfig
from rlg_genpo.cppo.distillation import Distillation
from rlg_genpo.cppo.energy import energy_distance
from rlg_genpo.cppo.policy import Kernel


class CPPOAgent(PPOAgent):
    """``algo.name: cppo``."""

    settings: CPPOConfig
    # The kernel is a Gaussian, so that rl_games' own KL of it holds.
    kept = messages.POLICY_TENSORS

    def __init__(self, base_name: str, params: dict[str, Any], settings: CPPOConfig) -> None:
        super().__init__(base_name, params, settings)
        self.distillation = Distillation(self.policy, settings.algo, self.all_reduce_mean)

    def prepare_dataset(self, batch_dict: dict[str, Any]) -> None:
        super().prepare_dataset(batch_dict)
        messages.keep_rollout_gaussian(self.dataset.values_dict)

    def policy_losses(self, batch: Minibatch, answer: Evaluation) -> Losses:
        algo, density = self.settings.algo, answer.density
        assert density.gaussian is not None
        terms: Losses = {}
        if algo.regulariser != "none" and algo.regulariser_coef:
            value = masked_mean(self._regulariser(batch, answer), batch.mask)
            terms[algo.regulariser] = (algo.regulariser_coef, value)
        if self.bounds_loss_coef:
            bound = losses.BOUNDS[self.bound_loss_type](density.gaussian.mean)
            terms["bounds"] = (self.bounds_loss_coef, masked_mean(bound, batch.mask))
        return terms | super().policy_losses(batch, answer)

    def _regulariser(self, batch: Minibatch, answer: Evaluation) -> Tensor:
        algo, kernel, rollout = self.settings.algo, answer.density.gaussian, batch.rollout
        assert isinstance(kernel, Kernel) and rollout is not None
        if algo.regulariser == "kl_old":
            return regularisers.kl_old(kernel.mean, kernel.sigma, rollout.mean, rollout.sigma)
        spread = kernel.log_spread.exp()
        if algo.regulariser == "shrinkage":
            return regularisers.shrinkage(kernel.delta, spread)
        reference, _ = batch.stored.chunk(2, dim=-1)
        return regularisers.langevin(kernel.delta, reference, spread, algo.regulariser_scale)

    def schedule_kl(self, batch: Minibatch, answer: Evaluation) -> Tensor:
        now, before = answer.density.gaussian, batch.latest
        assert now is not None and before is not None
        return torch_ext.policy_kl(now.mean, now.sigma, before.mean, before.sigma, False)

    def minibatch_scalars(self, batch: Minibatch, answer: Evaluation) -> dict[str, Tensor]:
        now, then = answer.density.gaussian, batch.rollout
        assert now is not None and then is not None
        kl = gaussian.kl(then.mean, then.sigma.log(), now.mean, now.sigma.log())
        return {"kernel_kl": masked_mean(kl, batch.mask)}

    def after_update(self) -> None:
        source, reference = self._rollout_states()
        passes = self.distillation.fit(source, reference)
        self.scalars["matching_loss"].append(passes[-1])
        self.scalars["matching_passes"].append(torch.tensor(float(len(passes))))
        measured = self._probe()
        # Before the reference takes it in, proposes NaN to the simulator and is saved.
        self.stop_if_diverged(
            (passes[-1], measured["teacher_to_flow"]),
            f"The flow diverged in epoch {self.epoch_num}: its matching loss or its samples are",
            f"params.algo.distill_lr is {self.settings.algo.distill_lr:g}; lower it, or "
            "params.algo.distill_grad_norm",
        )
        self.distillation.move_reference()
        measured["ema_drift"] = ema.relative_distance(
            self.policy.reference.parameters(), self.policy.flow.parameters()
        )
        for name, value in measured.items():
            self.scalars[name].append(value)

    def _rollout_states(self) -> tuple[Tensor, Tensor]:
        """What the policy is conditioned on, (R, C), and u_k, (R, D), at every real row."""
        batches = self.rollout_batches()
        parts = [(source[batch.rows], batch.stored[batch.rows]) for source, batch in batches]
        source, stored = (torch.cat(part) for part in zip(*parts, strict=True))
        return source, stored.chunk(2, dim=-1)[0]

    @torch.no_grad()
    def _probe(self) -> dict[str, Tensor]:
        """Distances and entropies at states that no gradient step has seen, the present ones."""
        policy, source = self.policy, self.probe_source().repeat_interleave(PROBE_SAMPLES, dim=0)

        def by_state(rows: Tensor) -> Tensor:
            return rows.unflatten(0, (-1, PROBE_SAMPLES))

        reference = policy.sample_flow(policy.reference, source, policy.noise(source))
        flow = policy.sample_flow(policy.flow, source, policy.noise(source))
        kernel = policy.kernel(source, reference)
        teacher = kernel.sample()
        # each state's first draw under the kernels of all its u_k
        first, log_sigma = by_state(teacher)[:, :1], kernel.sigma.log()
        log_density = -gaussian.neglogp(first, by_state(kernel.mean), by_state(log_sigma))
        low, high = mixture_entropy(log_density)
        executed = policy.units(source).action(flow)
        return {
            "kernel_sigma": kernel.sigma.mean(),
            "residual_size": kernel.delta.square().mean().sqrt(),
            "reference_spread": by_state(reference).std(dim=1).mean(),
            "action_spread": by_state(teacher).std(dim=1).mean(),
            "teacher_to_flow": energy_distance(by_state(teacher), by_state(executed)).mean(),
            "entropy_bound": gaussian.entropy(log_sigma).mean(),
            "entropy_low": low.mean(),
            "entropy_high": high.mean(),
        }

    def epoch_scalars(self, stored: Tensor) -> dict[str, Tensor | float]:
        executed = self.policy.to_env(stored)
        return {"saturated_share": (executed.abs() > 1).float().mean()}

    def extra_state(self) -> dict[str, Any]:
        return {"distillation": self.distillation.state_dict()}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        self.distillation.load_state_dict(state["distillation"])
