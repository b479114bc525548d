"""Denoising diffusion (DDPM): noising an action, and drawing one by undoing the noise.

Source: "Denoising Diffusion Probabilistic Models", 2020, https://arxiv.org/abs/2006.11239; the
cosine schedule is of "Improved Denoising Diffusion Probabilistic Models", 2021,
https://arxiv.org/abs/2102.09672.

D action size, T noise levels. Levels are counted as in these papers and unlike a flow's time:
t = 1 is almost the action, t = T almost pure noise. Level t stands at index t - 1.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

#: ``denoiser(x, index)``: noisy actions (..., D) at level index + 1 to their noise, (..., D)
Denoiser = Callable[[Tensor, int], Tensor]

#: of the cosine schedule, as published
OFFSET = 0.008
MAX_BETA = 0.999


class Schedule(NamedTuple):
    """How much of the action is left at each noise level."""

    alpha_bar: Tensor  # (T,), share of the variance that is the action's at t = 1..T
    before: Tensor  # (T,), the same at t - 1; 1 at t = 1

    @property
    def beta(self) -> Tensor:
        """(T,), the variance that each level adds."""
        return 1 - self.alpha_bar / self.before

    def variance(self, kind: str) -> Tensor:
        """(T,), of the noise that each reverse step adds: beta_t, or the posterior's given a_0."""
        if kind == "beta":
            return self.beta
        return self.beta * (1 - self.before) / (1 - self.alpha_bar)


def cosine(levels: int) -> Schedule:
    """The cosine schedule of T levels, its beta_t at most 0.999."""
    time = torch.arange(levels + 1, dtype=torch.float64) / levels
    left = ((time + OFFSET) / (1 + OFFSET) * math.pi / 2).cos().square()
    beta = (1 - left[1:] / left[:-1]).clamp(max=MAX_BETA)
    return following((1 - beta).cumprod(dim=0))


def following(alpha_bar: Tensor) -> Schedule:
    """The schedule of falling shares (T,)."""
    return Schedule(alpha_bar, torch.cat([alpha_bar.new_ones(1), alpha_bar[:-1]]))


def respaced(levels: int, steps: int) -> Tensor:
    """Indices (S,) of S of T levels, evenly from the lowest kept to the noisiest, T - 1."""
    return torch.linspace(levels / steps, levels, steps, dtype=torch.float64).round().long() - 1


def noised(action: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """sqrt(abar) a + sqrt(1 - abar) eps, (..., D); ``alpha_bar`` broadcasts against them."""
    return alpha_bar.sqrt() * action + (1 - alpha_bar).sqrt() * noise


def denoised(noisy: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """The action whose :func:`noised` form is ``noisy``, given its noise, (..., D)."""
    return (noisy - (1 - alpha_bar).sqrt() * noise) / alpha_bar.sqrt()


def clipped_noise(noisy: Tensor, noise: Tensor, alpha_bar: Tensor, bound: float = 1.0) -> Tensor:
    """The noise, (..., D), of the action that ``noise`` speaks of once it is clipped to bounds."""
    action = denoised(noisy, noise, alpha_bar).clamp(-bound, bound)
    return (noisy - alpha_bar.sqrt() * action) / (1 - alpha_bar).sqrt()


def posterior_mean(noisy: Tensor, action: Tensor, schedule: Schedule, index: int) -> Tensor:
    """Mean of a_{t-1} given a_t and a_0, (..., D), at level ``index`` + 1."""
    left, before = schedule.alpha_bar[index], schedule.before[index]
    to_action = before.sqrt() * schedule.beta[index] / (1 - left)
    to_noisy = (left / before).sqrt() * (1 - before) / (1 - left)
    return to_action * action + to_noisy * noisy


class Widening(NamedTuple):
    """A denoiser of some actions turned into one of the same actions with normal noise added.

    A noisy form x of widened actions is a noisy form x / c of the actions themselves, at a higher
    level: of its noise, the share ``factor`` is the level's own.
    """

    scale: Tensor  # (T,), c
    level: Tensor  # (T,), index of the last level below the higher one
    part: Tensor  # (T,) in [0, 1], how far it is from there to the next level
    factor: Tensor  # (T,)


def widening(alpha_bar: Tensor, added: float) -> Widening:
    """For each of T levels (T,), noise of standard deviation ``added`` on the actions."""
    scale = 1 + alpha_bar * added**2
    higher = alpha_bar / scale
    # The levels' shares fall; the highest level stands for all that would be above it.
    level = (alpha_bar.unsqueeze(0) >= higher.unsqueeze(1)).sum(dim=1) - 1
    level = level.clamp(max=len(alpha_bar) - 2)
    below, above = alpha_bar[level], alpha_bar[level + 1]
    part = ((below - higher) / (below - above)).clamp(0, 1)
    factor = ((1 - alpha_bar) / (1 - alpha_bar + alpha_bar * added**2)).sqrt()
    return Widening(scale.sqrt(), level, part, factor)


def normal_noise(noisy: Tensor, alpha_bar: Tensor, spread: float) -> Tensor:
    """E[eps | a_t], (..., D), where actions are normal with mean 0 and deviation ``spread``."""
    return (1 - alpha_bar).sqrt() / (alpha_bar * spread**2 + 1 - alpha_bar) * noisy


def reverse(
    denoiser: Denoiser,
    start: Tensor,
    schedule: Schedule,
    variance: str = "beta",
    temperature: float = 1.0,
    bound: float = 1.0,
    normal: Callable[[Tensor], Tensor] = torch.randn_like,
) -> Tensor:
    """Carry noise (..., D) back to actions in [-bound, bound], (..., D), a level at a time.

    Each step predicts the action, clips it to the bounds and draws a_{t-1} of its posterior; the
    last adds no noise.

    Args:
        variance: of each step's noise, ``beta`` or ``posterior``.
        temperature: factor on each step's noise; 0 follows the means.
        normal: draws a step's noise, alike in shape to its argument.
    """
    x = start
    deviation = temperature * schedule.variance(variance).sqrt()
    for index in reversed(range(len(schedule.alpha_bar))):
        action = denoised(x, denoiser(x, index), schedule.alpha_bar[index])
        x = posterior_mean(x, action.clamp(-bound, bound), schedule, index)
        if index and temperature:
            x = x + deviation[index] * normal(x)
    return x
