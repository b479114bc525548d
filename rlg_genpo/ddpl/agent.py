"""DDPL's agent: rl_games' rollout and critic, then each agent's own policy improvement.

DDPL (2026, https://arxiv.org/abs/2605.07101), reconstructed from the abstract. The paper's: one
diffusion policy per agent, trained online by importance sampling score matching towards the target
of decentralised softmax policy gradient. Everything else is our reconstruction, from it and from
"Efficient Online Reinforcement Learning for Diffusion Policy", 2025,
https://arxiv.org/abs/2502.00361: the mirror descent target, the proposals, critics, temperature and
networks. Ours beside it: A_i for Q_i - V, the temperature solved for instead of stepped, a control
variate, and the policy's start.

On-policy, Q_i(s, a_i) needs no critic of all actions: the others' were drawn from their policies as
they are, so a regression on a_i alone has their average for its solution.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.agent import PROBE_SAMPLES, Agent
from rlg_genpo.common.estimators import nearest_neighbour_entropy
from rlg_genpo.ddpl import score_matching
from rlg_genpo.ddpl.config import DDPLConfig
from rlg_genpo.ddpl.improvement import Improvement, Rollout, Weighted

logger = logging.getLogger(__name__)

#: an agent whose actions spread less than this at a state no longer explores
LEAST_SPREAD = 1e-3


@torch.no_grad()
def pool(normaliser: Any, agents: int) -> None:
    """Give all agents' slices of a joint observation the statistics of all of them together.

    Agents that share weights are told apart by constant offsets between their observations, which
    statistics of each slice's own would take away. The mean of the means, and the mean of the
    variances plus the variance of the means, are those of all agents' rows; a later merge with
    other rows leaves them so.
    """
    means = normaliser.running_mean.unflatten(0, (agents, -1))
    variances = normaliser.running_var.unflatten(0, (agents, -1))
    mean = means.mean(dim=0)
    variance = (variances + (means - mean).square()).mean(dim=0)
    normaliser.running_mean.copy_(mean.repeat(agents))
    normaliser.running_var.copy_(variance.repeat(agents))


class DDPLAgent(Agent):
    """``algo.name: ddpl``."""

    settings: DDPLConfig

    def __init__(self, base_name: str, params: dict[str, Any], settings: DDPLConfig) -> None:
        super().__init__(base_name, params, settings)
        self.names = [agent.name for agent in settings.agents or ()]
        rate = float(self.config["learning_rate"])
        self.improvement = Improvement(self.policy, settings.algo, rate, self.all_reduce_mean)
        self.dead: set[str] = set()

    def after_update(self) -> None:
        improvement = self.improvement
        improvement.set_rate(self.last_lr)
        rollout = self._rollout()
        value_error = improvement.fit_values(rollout)
        weighted = improvement.weigh(rollout)
        denoising = improvement.fit_denoisers(weighted)
        # Before the policy acts in the simulator and is saved.
        self.stop_if_diverged(
            (value_error, denoising),
            f"A policy diverged in epoch {self.epoch_num}: the denoising loss or the action "
            f"value's error of one of {', '.join(self.names)} is",
            f"params.config.learning_rate is {self.config['learning_rate']}; lower it, or "
            "params.algo.agent_grad_norm",
        )
        self._scalars_of(weighted, value_error, denoising)

    def _absorb_observations(self, obses: Any) -> None:
        super()._absorb_observations(obses)
        if self.normalize_input and self.settings.diffusion.shared_weights:
            pool(self.model.running_mean_std, len(self.names))

    def _rollout(self) -> Rollout:
        """Every real row of the rollout; advantages standardised over them."""
        parts = [
            (source[batch.rows], batch.stored[batch.rows], batch.advantage[batch.rows])
            for source, batch in self.rollout_batches()
        ]
        source, stored, advantage = (torch.cat(part) for part in zip(*parts, strict=True))
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        limit = self.settings.algo.advantage_limit
        return Rollout(source, stored, advantage.clamp(-limit, limit))

    def _scalars_of(self, weighted: Weighted, value_error: Tensor, denoising: Tensor) -> None:
        weights = weighted.weights
        measured = {
            "weight_entropy": score_matching.entropy(weights).mean(dim=-1),
            "effective_samples": score_matching.effective_samples(weights).mean(dim=-1),
            "temperature": weighted.temperature,
            "denoising_loss": denoising,
            "action_value_error": value_error,
            **self._probe(),
        }
        for name, values in measured.items():
            for agent, value in zip(self.names, values, strict=True):
                self.scalars[f"{name}/{agent}"].append(value)
        self._warn_of_dead(measured["action_spread"])

    @torch.no_grad()
    def _probe(self) -> dict[str, Tensor]:
        """Spread and entropy of each agent's actions at a few of the environments' states."""
        policy = self.policy
        states = policy.states(self.probe_source())
        draws = policy.sample(states, policy.noise(states, PROBE_SAMPLES))
        sizes = policy.actions.sizes
        own = [actions[..., :size] for actions, size in zip(draws, sizes, strict=True)]
        return {
            "action_spread": torch.stack([each.std(dim=1).mean() for each in own]),
            "action_entropy": torch.stack([nearest_neighbour_entropy(each).mean() for each in own]),
        }

    def _warn_of_dead(self, spread: Tensor) -> None:
        for name, value in zip(self.names, spread.tolist(), strict=True):
            if value < LEAST_SPREAD and name not in self.dead:
                self.dead.add(name)
                logger.warning(
                    "agent %s is dead: its actions at a state spread by %.1g, so that it explores "
                    "no more. Raise params.algo.proposal_noise, or lower params.algo.kl_budget.",
                    name,
                    value,
                )
        self.scalars["dead_agents"].append(torch.tensor(float(len(self.dead))))

    def epoch_scalars(self, stored: Tensor) -> dict[str, Tensor | float]:
        return {"saturated_share": (stored.abs() > 0.99).float().mean()}

    def extra_state(self) -> dict[str, Any]:
        return {"improvement": self.improvement.state_dict()}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        self.improvement.load_state_dict(state["improvement"], self.last_lr)
