"""Flow matching's path and loss, Euler's order, and a known mixture recovered."""

import itertools
import math

import pytest
import torch
from torch import nn

from rlg_genpo.common import flow_matching as matching


def test_the_path_runs_from_noise_to_target(double):
    noise, target = torch.randn(2, 5, 3)
    for time, point in ((0.0, noise), (1.0, target), (0.25, 0.75 * noise + 0.25 * target)):
        found = matching.interpolate(noise, target, torch.full((5, 1), time))
        torch.testing.assert_close(found, point)


def test_the_loss_is_zero_at_the_paths_own_velocity(double):
    noise, target = torch.randn(2, 5, 3)
    assert matching.matching_loss(target - noise, noise, target).abs().max() == 0
    time = torch.rand(5, 1, requires_grad=True)
    point = matching.interpolate(noise, target, time)
    (slope,) = torch.autograd.grad(point.sum(), time)
    torch.testing.assert_close(slope, (target - noise).sum(dim=-1, keepdim=True))


def test_the_losss_minimum_is_the_mean_velocity(double):
    noise, target = torch.randn(2, 2_000, 3)
    velocity = torch.zeros(3, requires_grad=True)
    (gradient,) = torch.autograd.grad(
        matching.matching_loss(velocity, noise, target).mean(), velocity
    )
    torch.testing.assert_close(gradient, -2 * (target - noise).mean(dim=0))


def test_euler_has_order_one(double):
    """dx/dt = x from 1 ends at e; halving the step halves the error."""
    errors = []
    for steps in (64, 128, 256, 512):
        end = matching.euler(lambda x, k: x, torch.ones(1, 1), steps)
        errors.append(abs(end.item() - math.e))
    slopes = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert all(abs(slope - 1) < 0.02 for slope in slopes)


def test_euler_hands_every_step_its_index():
    seen = []
    matching.euler(lambda x, k: seen.append(k) or torch.zeros_like(x), torch.zeros(2, 3), 4)
    assert seen == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_known_mixture_is_recovered():
    """Two modes, 3/4 at +1 and 1/4 at -1 (sigma 0.1), from a small network in 1,500 steps."""
    torch.manual_seed(1)

    def mixture(count):
        side = torch.where(torch.rand(count, 1) < 0.75, 1.0, -1.0)
        return side + 0.1 * torch.randn(count, 1)

    net = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(1_500):
        noise, target, time = torch.randn(512, 1), mixture(512), torch.rand(512, 1)
        point = matching.interpolate(noise, target, time)
        predicted = net(torch.cat([point, time], dim=-1))
        loss = matching.matching_loss(predicted, noise, target).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    steps = 32
    with torch.no_grad():
        samples = matching.euler(
            lambda x, k: net(torch.cat([x, torch.full_like(x, k / steps)], dim=-1)),
            torch.randn(4_000, 1),
            steps,
        )
    right = samples[samples > 0]
    assert len(right) / len(samples) == pytest.approx(0.75, abs=0.05)
    assert right.mean().item() == pytest.approx(1, abs=0.05)
    assert samples[samples < 0].mean().item() == pytest.approx(-1, abs=0.1)
