"""Where the policy improvement leads: averages over the others, tilted laws, the spread kept."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from rlg_genpo.ddpl.improvement import Rollout
from tests.ddpl.test_improvement import FEW, improvement_of, rollout_of, shares
from tests.ddpl.test_policy import policy_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


class Known(nn.Module):
    """An action value that is given, of one agent's one action component."""

    def __init__(self, value):
        super().__init__()
        self.value = value
        self.unused = nn.Parameter(torch.zeros(1))  # or Adam would refuse

    def forward(self, source, action):
        return self.value(action).squeeze(-1)


def test_an_action_value_is_the_average_over_the_others_actions():
    """A regression of cos(3 (a - b)) on a alone, b ~ N(0, 0.3^2): exp(-9 * 0.09 / 2) cos(3 a)."""
    policy = policy_of([1, 1], [1, 1])
    rows = 4_096
    actions = torch.stack([2 * torch.rand(rows) - 1, 0.3 * torch.randn(rows)], dim=1)
    advantage = torch.cos(3 * (actions[:, 0] - actions[:, 1]))
    rollout = Rollout(torch.ones(rows, 2), actions, advantage - advantage.mean())
    improvement = improvement_of(policy, replace(FEW, value_epochs=60, policy_minibatches=8))
    improvement.fit_values(rollout)
    axis = torch.linspace(-0.9, 0.9, 37)
    asked = axis.reshape(1, 1, -1, 1).expand(2, -1, -1, -1)
    with torch.no_grad():
        found = policy.action_values(torch.ones(1, 2), asked)[0, 0]
    expected = math.exp(-9 * 0.09 / 2) * torch.cos(3 * axis)
    error = (found - found.mean()) - (expected - expected.mean())
    # Without the average it would be cos(3 a), half too large.
    assert error.square().mean().sqrt() < 0.3 * expected.std()


@shares
def test_without_an_opinion_the_spread_stays(control_variate):
    policy = policy_of([2, 2], [1, 1], spread=0.38, scale=0.01)
    settings = replace(FEW, proposals=16, control_variate=control_variate)
    improvement, probe = improvement_of(policy, settings, 1e-3), torch.randn(4_000, 4)
    start = policy.act(probe).stored.std(dim=0)
    for _ in range(10):
        weighted = improvement.weigh(rollout_of(policy, 128, torch.zeros(128)))
        assert torch.equal(weighted.weights, torch.full((2, 128, 16), 1 / 16))
        improvement.fit_denoisers(weighted)
    torch.testing.assert_close(policy.act(probe).stored.std(dim=0), start, rtol=0.1, atol=0.0)


BINS = 41


def histogram(action):
    counts = torch.histc(action, BINS, -1 - 1 / (BINS - 1), 1 + 1 / (BINS - 1))
    return counts / counts.sum()


def distance(density, other):
    """Total variation."""
    return (density - other).abs().sum().item() / 2


AXIS = torch.linspace(-1, 1, BINS)
TROUGH = slice(BINS // 2 - 3, BINS // 2 + 4)


def peaks(left):
    """Two peaks at -0.6 and 0.6, the left one higher by ``left``."""
    return lambda a: (
        (1 + left) * torch.exp(-((a + 0.6) ** 2) / 0.18) + torch.exp(-((a - 0.6) ** 2) / 0.18)
    )


def drawn(policy):
    return policy.act(torch.ones(16_000, 1)).stored[:, 0]


def mass_left(density):
    return density[: BINS // 2].sum().item() + density[BINS // 2].item() / 2


def of_one_action(value):
    """A policy without states, near N(0, 0.6^2) cut off, whose actions have this value."""
    policy = policy_of([1], [1], scale=0.1, units=(32, 32))
    policy.action_values = Known(value)
    return policy


def improve(policy, temperature, rounds, rows=256, **settings):
    """Rounds of weighing and fitting, each at a temperature that is given and not solved for."""
    settings = replace(
        FEW,
        proposals=16,
        min_temperature=temperature,
        max_temperature=1.0001 * temperature,
        **settings,
    )
    improvement, source = improvement_of(policy, settings), torch.ones(rows, 1)
    for step in range(1, rounds + 1):
        improvement.set_rate(2e-2 if step < rounds else 6e-3)
        rollout = Rollout(source, policy.act(source).stored, torch.zeros(rows))
        weighted = improvement.weigh(rollout)
        assert weighted.temperature.item() == pytest.approx(temperature, rel=1e-3)
        improvement.fit_denoisers(weighted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("left", "share", "rounds", "control_variate"),
    [(0.0, 1 / 2, 8, 1.0), (0.25, 2 / 3, 8, 0.7), (0.25, 2 / 3, 2, 0.0)],
    ids=["equal", "two_to_one", "two_to_one_plain"],
)
def test_a_value_of_two_peaks_keeps_both_with_their_mass(left, share, rounds, control_variate):
    """pi exp(Q / 0.3) / Z on a grid, in rounds whose inverse temperatures add up to 1 / 0.3."""
    policy = of_one_action(peaks(left))
    start = histogram(drawn(policy))
    target = start * torch.exp(peaks(left)(AXIS) / 0.3)
    target /= target.sum()
    assert mass_left(target) == pytest.approx(share, abs=0.02)
    improve(
        policy,
        0.3 * rounds,
        rounds,
        control_variate=control_variate,
        policy_epochs=240 // rounds if control_variate else 60,
    )
    after = histogram(drawn(policy))
    assert mass_left(after) == pytest.approx(share, abs=0.08)
    assert distance(after, target) < 0.65 * distance(start, target)
    assert after[TROUGH].sum() < 0.8 * start[TROUGH].sum()
