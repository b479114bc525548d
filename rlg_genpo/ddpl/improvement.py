"""DDPL's policy improvement: fit the action values, weigh proposals by them, fit the denoisers.

Reconstructed: see :mod:`rlg_genpo.ddpl.agent`. n agents, R rows of a rollout, B of them at which
the policy is improved, K proposals, S width of the full state, A of all agents' actions, D the
largest of one agent's.
"""

import copy
import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rlg_genpo.common import ema
from rlg_genpo.common.optimizer import adam
from rlg_genpo.ddpl import diffusion, score_matching
from rlg_genpo.ddpl.config import AlgoConfig
from rlg_genpo.ddpl.networks import ActionValues
from rlg_genpo.ddpl.policy import DDPL

#: averages tensors over the ranks of a multi-GPU run, in place
AllReduceMean = Callable[[Iterable[Tensor]], None]

#: states for which proposals are made at once: 16 proposals of 3 agents in a layer of 64 are 25 MB
CHUNK = 2048


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

    #: in checkpoints
    kept = ("values", "denoisers", "averaged")

    def __init__(
        self, policy: DDPL, settings: AlgoConfig, rate: float, all_reduce_mean: AllReduceMean
    ) -> None:
        self.policy, self.settings, self.start = policy, settings, rate
        self.all_reduce_mean = all_reduce_mean
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

    def fit_values(self, rollout: Rollout) -> Tensor:
        """Regress A_i(s, a_i) on the advantage; the last pass's mean squared error, (n,)."""
        settings, learned = self.settings, self.policy.action_values
        action = self.policy.actions.split(rollout.stored).unsqueeze(2)

        def step(rows: Tensor) -> Tensor:
            value = learned(rollout.source[rows], action[:, rows]).squeeze(-1)
            error = (value - rollout.advantage[rows]).square().mean(dim=-1)
            self._step(self.values, learned, error.sum())
            return error.detach()

        error = self._passes(settings.value_epochs, len(rollout.source), step)
        ema.update(self.averaged.parameters(), learned.parameters(), settings.value_average)
        return error

    @torch.no_grad()
    def weigh(self, rollout: Rollout) -> Weighted:
        """Propose actions at some of a rollout's states and weigh them."""
        settings, source = self.settings, rollout.source
        count = max(1, round(settings.proposal_states * len(source)))
        if count < len(source):
            source = source[torch.randperm(len(source), device=source.device)[:count]]
        actions, values = propose(
            self.policy, self.averaged, source, settings.proposals, settings.proposal_noise
        )
        limit = settings.tilt_limit or math.inf
        bounds = settings.min_temperature, settings.max_temperature
        solved = score_matching.solve_temperature(values, settings.kl_budget, *bounds, limit).log()
        self.all_reduce_mean([solved])  # all ranks weigh alike
        temperature = solved.exp()
        weights = score_matching.marginal_weights(values, temperature, limit)
        return Weighted(source, actions, weights, temperature)

    def fit_denoisers(self, weighted: Weighted) -> Tensor:
        """Score matching on weighted proposals; the last pass's mean loss, (n,)."""
        self.before.load_state_dict(self.policy.denoisers.state_dict())
        step = functools.partial(self._policy_step, weighted)
        return self._passes(self.settings.policy_epochs, len(weighted.source), step)

    def _policy_step(self, weighted: Weighted, rows: Tensor) -> Tensor:
        denoisers, weights = self.policy.denoisers, weighted.weights[:, rows]
        obs = self.policy.observations.split(weighted.source[rows])
        action = weighted.actions[:, rows]
        # Each proposal gets fresh noise at a level of its own.
        noise = torch.randn_like(action) * denoisers.actions.real.unsqueeze(1)
        alpha_bar = denoisers.alpha_bar
        levels = torch.randint(len(alpha_bar), action.shape[:-1], device=action.device)
        noisy = diffusion.noised(action, noise, alpha_bar[levels].unsqueeze(-1))
        predicted = denoisers.at_levels(denoisers.condition(obs), noisy, levels)
        loss = score_matching.matching_loss(predicted, noise, weights, self.sizes)
        share = self.settings.control_variate
        if share:
            before = self._noise_before(obs, noisy, levels)
            shifted = score_matching.shifted_noise(noise, before, weights)
            alike = weights.mean(dim=(1, 2), keepdim=True).expand_as(weights)
            quiet = score_matching.matching_loss(predicted, shifted, alike, self.sizes)
            loss = torch.lerp(loss, quiet, share)
        self._step(self.denoisers, denoisers, loss.sum())
        return loss.detach()

    @torch.no_grad()
    def _noise_before(self, obs: Tensor, noisy: Tensor, levels: Tensor) -> Tensor:
        """eps_old of noisy proposals, (n, B, K, D): of the old policy with the proposals' noise."""
        denoisers, wide = self.before, self.widening
        # Between two levels one of them, by chance: right on average, at one evaluation.
        higher = torch.rand(levels.shape, device=levels.device) < wide.part[levels]
        stands = wide.level[levels] + higher.long()
        noisy = noisy / wide.scale[levels].unsqueeze(-1)
        noise = denoisers.at_levels(denoisers.condition(obs), noisy, stands)
        # Sampling clips what it predicts; the old policy is what it did, not what it said.
        alpha_bar = denoisers.alpha_bar[stands].unsqueeze(-1)
        noise = diffusion.clipped_noise(noisy, noise, alpha_bar)
        return wide.factor[levels].unsqueeze(-1) * noise * denoisers.actions.real.unsqueeze(1)

    def _passes(self, epochs: int, rows: int, step: Callable[[Tensor], Tensor]) -> Tensor:
        """``step`` on the minibatches of each pass; the last pass's mean result, (n,)."""
        # As many parts on every rank of a multi-GPU run, though masked rows may differ.
        parts, results = min(self.settings.policy_minibatches, rows), []
        for _ in range(epochs):
            order = torch.randperm(rows, device=self.sizes.device)
            results = [step(part) for part in order.tensor_split(parts)]
        return torch.stack(results).mean(dim=0)

    def _step(self, optimizer: torch.optim.Optimizer, module: nn.Module, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        self.all_reduce_mean(gradients)
        clip_by_agent(gradients, self.settings.agent_grad_norm)
        optimizer.step()
        # Or rl_games' next gradient norm would count them.
        optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name).state_dict() for name in self.kept}

    def load_state_dict(self, state: Mapping[str, Any], rate: float) -> None:
        """Go on with the optimisers' moments, at the rate that holds now."""
        for name in self.kept:
            getattr(self, name).load_state_dict(state[name])
        self.set_rate(rate)


def propose(
    policy: DDPL, action_values: ActionValues, source: Tensor, count: int, noise: float
) -> tuple[Tensor, Tensor]:
    """K draws of each agent's policy at states (B, S), and what each is worth to the agent.

    They are moved by normal noise and clipped to [-1, 1]. Returns (n, B, K, D) and (n, B, K).
    """
    actions, values = [], []
    for rows in source.split(CHUNK):
        states = policy.states(rows)
        drawn = policy.sample(states, policy.noise(states, count))
        moved = (drawn + noise * torch.randn_like(drawn)).clamp(-1, 1)
        actions.append(moved * policy.actions.real.unsqueeze(1))
        values.append(action_values(rows, actions[-1]))
    return torch.cat(actions, dim=1), torch.cat(values, dim=1)


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
