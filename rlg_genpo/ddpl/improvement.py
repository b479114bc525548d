"""DDPL's policy improvement: fit the action values, weigh proposals by them, fit the denoisers.

Reconstructed: see :mod:`rlg_genpo.ddpl.agent`. n agents, R rows of a rollout, B of them at which
the policy is improved, K proposals, S width of the full state, A of all agents' actions.
"""

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rlg_genpo.common import ema
from rlg_genpo.common.optimizer import adam
from rlg_genpo.ddpl import diffusion, proposals, score_matching
from rlg_genpo.ddpl.config import AlgoConfig
from rlg_genpo.ddpl.policy import DDPL

#: averages tensors over the ranks of a multi-GPU run, in place
AllReduceMean = Callable[[Iterable[Tensor]], None]


class Rollout(NamedTuple):
    """What an improvement reads of a rollout."""

    source: Tensor  # (R, S), normalised observations of all agents
    stored: Tensor  # (R, A)
    advantage: Tensor  # (R,), standardised


class Weighted(NamedTuple):
    """Proposals, and how much each is to be learned from."""

    source: Tensor  # (B, S)
    actions: Tensor  # (n, B, K, D)
    weights: Tensor  # (n, B, K)
    temperature: Tensor  # (n,)


class Improvement:
    """Trains ``policy.action_values`` and ``policy.denoisers``, each agent's clipped by itself."""

    def __init__(
        self, policy: DDPL, settings: AlgoConfig, rate: float, all_reduce_mean: AllReduceMean
    ) -> None:
        self.policy = policy
        self.settings = settings
        self.all_reduce_mean = all_reduce_mean
        self.start = rate
        self.values = adam(policy.action_values.parameters(), rate)
        self.denoisers = adam(policy.denoisers.parameters(), rate)
        self.before = copy.deepcopy(policy.denoisers).requires_grad_(False)
        self.averaged = copy.deepcopy(policy.action_values).requires_grad_(False)
        self.widening = diffusion.widening(policy.denoisers.alpha_bar, settings.proposal_noise)
        self.sizes = torch.tensor(policy.actions.sizes, device=next(policy.parameters()).device)

    def set_rate(self, rate: float) -> None:
        """Follow the schedule of rl_games, ``algo.policy_lr`` in proportion."""
        own = self.settings.policy_lr
        policy_rate = rate if own is None else own * rate / self.start
        for optimizer, value in ((self.values, rate), (self.denoisers, policy_rate)):
            for group in optimizer.param_groups:
                group["lr"] = value

    # -- action values ----------------------------------------------------------------------

    def fit_values(self, rollout: Rollout) -> Tensor:
        """Regress A_i(s, a_i) on the advantage; the last pass's mean squared error, (n,)."""
        action = self.policy.actions.split(rollout.stored).unsqueeze(2)
        errors = rollout.advantage.new_zeros(len(self.sizes))
        for _ in range(self.settings.value_epochs):
            parts = self._parts(len(rollout.source))
            errors = torch.stack([self._value_step(rollout, action, part) for part in parts])
        ema.update(
            self.averaged.parameters(),
            self.policy.action_values.parameters(),
            self.settings.value_average,
        )
        return errors.mean(dim=0) if errors.dim() == 2 else errors

    def _value_step(self, rollout: Rollout, action: Tensor, rows: Tensor) -> Tensor:
        value = self.policy.action_values(rollout.source[rows], action[:, rows]).squeeze(-1)
        error = (value - rollout.advantage[rows]).square().mean(dim=-1)
        self._step(self.values, self.policy.action_values, error.sum())
        return error.detach()

    # -- proposals --------------------------------------------------------------------------

    @torch.no_grad()
    def weigh(self, rollout: Rollout) -> Weighted:
        """Propose actions at some of a rollout's states and weigh them."""
        settings, source = self.settings, rollout.source
        count = max(1, round(settings.proposal_states * len(source)))
        if count < len(source):
            source = source[torch.randperm(len(source), device=source.device)[:count]]
        actions = proposals.propose(
            self.policy, source, settings.proposals, settings.proposal_noise
        )
        values = proposals.values(self.averaged, source, actions)
        limit = math.inf if settings.tilt_limit is None else settings.tilt_limit
        temperature = self._temperature(values, limit)
        weights = score_matching.marginal_weights(values, temperature, limit)
        return Weighted(source, actions, weights, temperature)

    def _temperature(self, values: Tensor, limit: float) -> Tensor:
        settings = self.settings
        solved = score_matching.solve_temperature(
            values, settings.kl_budget, settings.min_temperature, settings.max_temperature, limit
        ).log()
        self.all_reduce_mean([solved])  # all ranks weigh alike
        return solved.exp()

    # -- denoisers --------------------------------------------------------------------------

    def fit_denoisers(self, weighted: Weighted) -> Tensor:
        """Score matching on weighted proposals; the last pass's mean loss, (n,)."""
        self.before.load_state_dict(self.policy.denoisers.state_dict())
        losses = weighted.temperature
        for _ in range(self.settings.policy_epochs):
            parts = self._parts(len(weighted.source))
            losses = torch.stack([self._policy_step(weighted, part) for part in parts]).mean(dim=0)
        return losses

    def _policy_step(self, weighted: Weighted, rows: Tensor) -> Tensor:
        shown = proposals.noised(self.policy, weighted.actions[:, rows])
        weights = weighted.weights[:, rows]
        obs = self.policy.observations.split(weighted.source[rows])
        denoisers = self.policy.denoisers
        predicted = denoisers.at_levels(denoisers.condition(obs), shown.noisy, shown.levels)
        loss = score_matching.matching_loss(predicted, shown.noise, weights, self.sizes)
        share = self.settings.control_variate
        if share:
            shifted = score_matching.shifted_noise(
                shown.noise, self._noise_before(obs, shown), weights
            )
            alike = weights.mean(dim=(1, 2), keepdim=True).expand_as(weights)
            quiet = score_matching.matching_loss(predicted, shifted, alike, self.sizes)
            loss = torch.lerp(loss, quiet, share)
        self._step(self.denoisers, denoisers, loss.sum())
        return loss.detach()

    @torch.no_grad()
    def _noise_before(self, obs: Tensor, shown: proposals.Noised) -> Tensor:
        """eps_old of noisy proposals, (n, B, K, D): of the old policy with the proposals' noise."""
        denoisers, wide, levels = self.before, self.widening, shown.levels
        # Between two levels one of them, by chance: right on average, at one evaluation.
        higher = torch.rand(levels.shape, device=levels.device) < wide.part[levels]
        stands = wide.level[levels] + higher.long()
        noisy = shown.noisy / wide.scale[levels].unsqueeze(-1)
        noise = denoisers.at_levels(denoisers.condition(obs), noisy, stands)
        # Sampling clips what it predicts; the old policy is what it did, not what it said.
        alpha_bar = denoisers.alpha_bar[stands].unsqueeze(-1)
        noise = diffusion.clipped_noise(noisy, noise, alpha_bar) * denoisers.real[:, None, None]
        return wide.factor[levels].unsqueeze(-1) * noise

    # -- both -------------------------------------------------------------------------------

    def _parts(self, rows: int) -> tuple[Tensor, ...]:
        # As many parts on every rank of a multi-GPU run, though masked rows may differ.
        order = torch.randperm(rows, device=self.sizes.device)
        return order.tensor_split(min(self.settings.policy_minibatches, rows))

    def _step(self, optimizer: torch.optim.Optimizer, module: nn.Module, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [parameter.grad for parameter in module.parameters()]
        self.all_reduce_mean(gradient for gradient in gradients if gradient is not None)
        clip_by_agent([g for g in gradients if g is not None], self.settings.agent_grad_norm)
        optimizer.step()
        # Or rl_games' next gradient norm would count them.
        optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        return {
            "values": self.values.state_dict(),
            "denoisers": self.denoisers.state_dict(),
            "averaged": self.averaged.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any], rate: float) -> None:
        """Go on with the optimisers' moments, at the rate that holds now."""
        self.values.load_state_dict(state["values"])
        self.denoisers.load_state_dict(state["denoisers"])
        self.averaged.load_state_dict(state["averaged"])
        self.set_rate(rate)


def clip_by_agent(gradients: list[Tensor], largest: float) -> Tensor:
    """Shorten each agent's gradient, over rows i of all tensors (n, ...), to ``largest``, in place.

    A norm over all agents would let one agent's gradient shorten another's. Returns the norms
    before, (n,).
    """
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    factor = (largest / norms.clamp_min(1e-12)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.reshape(-1, *[1] * (gradient.dim() - 1)))
    return norms
