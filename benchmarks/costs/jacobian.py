"""GenPO by the Jacobian method: the density from a determinant, as a reader of the paper writes it.

Written from the formula log pi(a | s) = log N(z) + log |det dz/da|, z = F^-1(a; s), with one plain
MLP on concat(action, observation, time embedding). The 2 D x 2 D Jacobian of every sample comes
from ``vmap(jacrev)``, its determinant from ``linalg.det``. The time embedding is computed once per
flow step, not once per sample.

``kind`` is the same method written by someone who profiles it: the Jacobian's pass gives the noise
or the action too, so that the flow is gone through once; and of two ways to write Mish each pass
takes the faster.

B batch, C observation size, D action size, N flow steps.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.func import jacrev, vmap
from torch.nn import functional

from rlg_genpo.common.velocity import sinusoidal


class JacobianPolicy(nn.Module):
    """Observation (B, C) to doubled actions (B, 2 D) with their log-density (B,)."""

    def __init__(
        self,
        observation: int,
        action: int,
        steps: int,
        mix: float,
        units: tuple[int, ...],
        kind: bool = False,
    ) -> None:
        super().__init__()
        self.action, self.steps, self.mix, self.kind = action, steps, mix, kind
        self.velocity = _mlp(observation + action + 32, units, action)
        self.time = _mlp(32, (256, 256), 32)
        self.register_buffer("times", sinusoidal(torch.arange(steps) / steps, 32))

    def flow(self, noise: Tensor, observation: Tensor, time: Tensor) -> Tensor:
        """One sample's noise (2 D,) to its doubled action; batched by ``vmap``."""
        x, y = noise.chunk(2, dim=-1)
        for k in range(self.steps):
            x = x + self._velocity(y, observation, time[k]) / self.steps
            y = y + self._velocity(x, observation, time[k]) / self.steps
            x = self.mix * x + (1 - self.mix) * y
            y = self.mix * y + (1 - self.mix) * x
        return torch.cat([x, y], dim=-1)

    def inverse(self, pair: Tensor, observation: Tensor, time: Tensor) -> Tensor:
        """One sample's doubled action (2 D,) to its noise."""
        x, y = pair.chunk(2, dim=-1)
        for k in reversed(range(self.steps)):
            y = (y - (1 - self.mix) * x) / self.mix
            x = (x - (1 - self.mix) * y) / self.mix
            y = y - self._velocity(x, observation, time[k]) / self.steps
            x = x - self._velocity(y, observation, time[k]) / self.steps
        return torch.cat([x, y], dim=-1)

    def _velocity(self, half: Tensor, observation: Tensor, time: Tensor) -> Tensor:
        return self.velocity(torch.cat([half, observation, time], dim=-1))

    def act(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Doubled actions (B, 2 D) and their log-densities (B,)."""
        noise = observation.new_empty(len(observation), 2 * self.action).normal_()
        pair, jacobian = self._with_jacobian(self.flow, noise, observation)
        return pair, _standard(noise) - torch.linalg.det(jacobian).abs().log()

    def log_density(self, observation: Tensor, pair: Tensor) -> Tensor:
        """Of stored actions (B, 2 D), in nats: (B,), differentiable in the parameters."""
        noise, jacobian = self._with_jacobian(self.inverse, pair, observation)
        return _standard(noise) + torch.linalg.det(jacobian).abs().log()

    def _with_jacobian(
        self, function: Callable[..., Tensor], pairs: Tensor, observation: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The flow or its inverse, (B, 2 D), and its Jacobians, (B, 2 D, 2 D)."""
        time = self.time(self.times)
        batched = (0, 0, None)
        for module in self.modules():
            if isinstance(module, _Mish):
                module.own = torch.is_grad_enabled() or not self.kind
        if self.kind:
            both = vmap(jacrev(_twice(function), has_aux=True), batched)
            jacobian, result = both(pairs, observation, time)
            return result, jacobian
        result = vmap(function, batched)(pairs, observation, time)
        return result, vmap(jacrev(function), batched)(pairs, observation, time)


class _Mish(nn.Module):
    """x tanh(softplus(x)), as torch has it or composed.

    The backward of torch's own has no batching rule. Where autograd records the pass for a gradient
    in the parameters, that does not matter and torch's own is a quarter faster; where it does not,
    torch's own takes three times as long.
    """

    def __init__(self) -> None:
        super().__init__()
        self.own = True

    def forward(self, x: Tensor) -> Tensor:
        return functional.mish(x) if self.own else x * functional.softplus(x).tanh()


def _twice(function: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    """The result once to be differentiated and once as it is, as ``has_aux`` wants it."""

    def result(*args: Tensor) -> tuple[Tensor, Tensor]:
        value = function(*args)
        return value, value

    return result


def _mlp(inputs: int, units: tuple[int, ...], outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in units:
        layers += [nn.Linear(inputs, width), _Mish()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def _standard(noise: Tensor) -> Tensor:
    return Normal(0.0, 1.0).log_prob(noise).sum(dim=-1)
