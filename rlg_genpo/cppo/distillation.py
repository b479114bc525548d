"""Distillation of conditional PPO's kernel into its flow by flow matching; the reference's step.

Source: "Diffusion Policy through Conditional Proximal Policy Optimization" (CPPO), 2026,
https://arxiv.org/abs/2603.04790: own optimiser, fifteen epochs of four minibatches, an averaged
reference. The teacher's fresh draws around the stored sample, uniform times, the threshold and the
order of these steps are our reconstruction.

R rows of a rollout, C width of what the policy is conditioned on, D action size.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from rlg_genpo.common import ema, flow_matching
from rlg_genpo.common.optimizer import adam
from rlg_genpo.common.velocity import cycled
from rlg_genpo.cppo.config import AlgoConfig
from rlg_genpo.cppo.policy import CPPO

#: different times in a minibatch, one from each of as many equal parts of [0, 1]
TIMES = 64

#: averages tensors over the ranks of a multi-GPU run, in place
AllReduceMean = Callable[[Iterable[Tensor]], None]


class Distillation:
    """Fits ``policy.flow`` to the policy, then moves ``policy.reference`` towards it."""

    def __init__(self, policy: CPPO, settings: AlgoConfig, all_reduce_mean: AllReduceMean) -> None:
        self.policy, self.settings = policy, settings
        self.all_reduce_mean = all_reduce_mean
        self.optimizer = adam(policy.flow.parameters(), settings.distill_lr)

    def fit(self, source: Tensor, reference: Tensor) -> list[Tensor]:
        """Flow matching on a rollout's (R, C) and its u_k, (R, D); each epoch's mean loss, 0-d."""
        with torch.no_grad():
            teacher = self.policy.kernel(source, reference)
        threshold, losses = self.settings.distill_threshold, []
        for _ in range(self.settings.distill_epochs):
            order = torch.randperm(len(source), device=source.device)
            parts = order.tensor_split(min(self.settings.distill_minibatches, len(order)))
            with torch.no_grad():
                draws = teacher.units(teacher.sample())
            steps = [self._step(source[part], draws[part]) for part in parts]
            losses.append(torch.stack(steps).mean())
            if threshold is not None:
                self.all_reduce_mean([losses[-1]])  # all ranks stop together
                if losses[-1].item() < threshold:
                    break
        # Or PPO's next gradient norm would count them.
        self.optimizer.zero_grad(set_to_none=True)
        return losses

    def _step(self, source: Tensor, target: Tensor) -> Tensor:
        noise = self.policy.noise(source)
        times = stratified(min(TIMES, len(source)), source.device)
        time = cycled(times, len(source)).unsqueeze(-1)
        point = flow_matching.interpolate(noise, target, time)
        velocity = self.policy.flow.between(source, point, times)
        loss = flow_matching.matching_loss(velocity, noise, target).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parameters = list(self.policy.flow.parameters())
        self.all_reduce_mean(p.grad for p in parameters if p.grad is not None)
        nn.utils.clip_grad_norm_(parameters, self.settings.distill_grad_norm)
        self.optimizer.step()
        return loss.detach()

    def move_reference(self) -> None:
        """phi_bar <- rho phi_bar + (1 - rho) phi, once an iteration."""
        policy = self.policy
        ema.update(policy.reference.parameters(), policy.flow.parameters(), self.settings.ema)

    def state_dict(self) -> dict[str, Any]:
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the optimiser's moments, at the rate that the YAML says now."""
        self.optimizer.load_state_dict(state)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.distill_lr


def stratified(count: int, device: torch.device) -> Tensor:
    """``count`` uniform times, one from each of as many equal parts of [0, 1], (count,)."""
    return (torch.arange(count, device=device) + torch.rand(count, device=device)) / count
