"""Weights, their temperature, and a loss whose target is the tilted policy."""

import itertools
import math

import pytest
import torch

from rlg_genpo.ddpl import diffusion
from rlg_genpo.ddpl import score_matching as sm

pytestmark = pytest.mark.usefixtures("double")

N, B, K, D = 2, 8, 16, 3
LOW, HIGH = 1e-3, 1e3


def test_weights_are_a_softmax_at_each_agents_temperature():
    values = torch.tensor([[[0.0, math.log(3)]], [[0.0, math.log(3)]]])
    found = sm.marginal_weights(values, torch.tensor([1.0, 0.5]))
    torch.testing.assert_close(found, torch.tensor([[[1 / 4, 3 / 4]], [[1 / 10, 9 / 10]]]))


def test_a_states_own_value_has_no_say():
    values, state = torch.randn(N, B, K), 100 * torch.randn(N, B, 1)
    temperature = torch.tensor([0.3, 2.0])
    found = sm.marginal_weights(values + state, temperature)
    torch.testing.assert_close(found, sm.marginal_weights(values, temperature))


@pytest.mark.parametrize("value", [0.0, -3.7, 1e6])
def test_equal_values_give_uniform_weights_at_any_temperature(value):
    values = torch.full((1, B, K), value)
    for temperature in (LOW, 1.0, HIGH):
        weights = sm.marginal_weights(values, torch.tensor([temperature]))
        assert torch.equal(weights, torch.full((1, B, K), 1 / K))


def test_no_state_is_tilted_beyond_the_limit():
    values = torch.tensor([[[0.0, 0.1, 0.2], [0.0, 50.0, 100.0]]], dtype=torch.float64)
    weights = sm.marginal_weights(values, torch.ones(1, dtype=torch.float64), limit=0.5)
    # the first state's values differ by less than the limit; the second's are cut to -0.5, 0, 0.5
    expected = torch.tensor([[0.0, 0.1, 0.2], [-0.5, 0.0, 0.5]], dtype=torch.float64).softmax(-1)
    torch.testing.assert_close(weights[0], expected)


def test_a_limit_leaves_the_budget_to_the_other_states():
    values = torch.randn(
        1, 200, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    values[:, :10] *= 1000
    whole = sm.solve_temperature(values, 0.05, 1e-6, 1e6)
    limited = sm.solve_temperature(values, 0.05, 1e-6, 1e6, limit=0.5)
    assert limited < whole / 10
    weights = sm.marginal_weights(values, limited, 0.5)
    assert sm.divergence(weights).mean().item() == pytest.approx(0.05, rel=1e-3)


def test_one_proposal_teaches_nothing():
    assert (sm.marginal_weights(torch.randn(N, B, 1), torch.ones(N)) == 1).all()


def test_entropy_divergence_and_effective_samples_by_hand():
    weights = torch.tensor([[1 / 4] * 4, [1.0, 0, 0, 0], [1 / 2, 1 / 2, 0, 0]])
    log2 = math.log(2)
    torch.testing.assert_close(sm.entropy(weights), torch.tensor([2 * log2, 0.0, log2]))
    torch.testing.assert_close(sm.divergence(weights), torch.tensor([0.0, 2 * log2, log2]))
    torch.testing.assert_close(sm.effective_samples(weights), torch.tensor([4.0, 1.0, 2.0]))
    torch.testing.assert_close(sm.effective_samples(9 * weights), torch.tensor([4.0, 1.0, 2.0]))


def test_whatever_the_values_they_stay_within_their_ranges():
    values = 10 ** (4 * torch.rand(1_000, 1, 1) - 2) * torch.randn(1_000, B, K)
    weights = sm.marginal_weights(values, torch.ones(1_000))
    spent, samples = sm.divergence(weights), sm.effective_samples(weights)
    assert spent.min() >= -1e-12 and spent.max() <= math.log(K) + 1e-12
    assert samples.min() >= 1 - 1e-12 and samples.max() <= K + 1e-12


def spent_at(values, temperature):
    return sm.divergence(sm.marginal_weights(values, temperature)).mean(dim=-1)


@pytest.mark.parametrize("budget", [0.01, 0.05, 0.5, 2.0])
def test_the_temperature_meets_the_budget_of_each_agent(budget):
    values = torch.randn(3, 64, K) * torch.tensor([0.1, 1.0, 10.0])[:, None, None]
    found = sm.solve_temperature(values, budget, LOW, HIGH)
    torch.testing.assert_close(
        spent_at(values, found), torch.full((3,), budget), rtol=1e-4, atol=0.0
    )
    alone = torch.cat([sm.solve_temperature(own[None], budget, LOW, HIGH) for own in values])
    torch.testing.assert_close(found, alone)


def test_values_in_other_units_have_a_temperature_in_those_units():
    values = torch.randn(1, 64, K).expand(2, -1, -1) * torch.tensor([1.0, 7.0])[:, None, None]
    one, seven = sm.solve_temperature(values, 0.05, LOW, HIGH).tolist()
    assert seven == pytest.approx(7 * one, rel=1e-5)


@pytest.mark.parametrize(
    ("scale", "budget", "bound"),
    [
        (0.0, 0.05, LOW),  # equal values spend nothing
        (1e-6, 0.05, LOW),
        (1.0, math.log(K) + 0.1, LOW),  # more than any weights can spend
        (1e7, 0.05, HIGH),
    ],
)
def test_a_budget_out_of_reach_gives_the_nearer_bound(scale, budget, bound):
    found = sm.solve_temperature(scale * torch.randn(1, 64, K), budget, LOW, HIGH)
    assert found.item() == pytest.approx(bound, rel=1e-5)


def batch():
    """eps_theta, eps and weights of two agents, the second with two of the three components."""
    real = torch.tensor([[1.0, 1, 1], [1, 1, 0]])[:, None, None]
    predicted, noise = torch.randn(2, N, B, K, D) * real
    return predicted, noise, torch.rand(N, B, K).softmax(dim=-1), torch.tensor([3, 2])


def test_the_loss_is_its_formula():
    predicted, noise, weights, sizes = batch()
    expected = torch.zeros(N)
    for agent, size in enumerate(sizes.tolist()):
        for state in range(B):
            for k in range(K):
                error = predicted[agent, state, k, :size] - noise[agent, state, k, :size]
                expected[agent] += weights[agent, state, k] * error @ error / size / B
    torch.testing.assert_close(sm.matching_loss(predicted, noise, weights, sizes), expected)


def test_equal_weights_give_no_gradient_at_the_policy_itself():
    before, noise, _, sizes = batch()
    uniform = torch.full((N, B, K), 1 / K)
    predicted = before.clone().requires_grad_()
    target = sm.shifted_noise(noise, before, 5 * uniform)
    gradients = [
        torch.autograd.grad(sm.matching_loss(predicted, eps, uniform, sizes).sum(), predicted)[0]
        for eps in (noise, target)
    ]
    assert gradients[0].abs().max() > 1e-3
    assert torch.equal(target, before) and (gradients[1] == 0).all()


def test_shifted_noise_by_hand():
    weights = torch.tensor([[[0.5, 0.5], [0.9, 0.1]], [[1.0, 1.0], [3.0, 3.0]]])
    noise, before = torch.tensor(1.0).expand(2, 2, 2, 1), torch.tensor(0.2).expand(2, 2, 2, 1)
    # w / v - 1 is 0, 0, 0.8, -0.8 of the first agent and -0.5, -0.5, 0.5, 0.5 of the second
    expected = torch.tensor([[[0.2, 0.2], [0.84, -0.44]], [[-0.2, -0.2], [0.6, 0.6]]])
    torch.testing.assert_close(sm.shifted_noise(noise, before, weights)[..., 0], expected)


def tilted(index, strength):
    """Means at a_t over actions N(0, 0.4^2) tilted by their value, by quadrature.

    Returns:
        The weights' mean, the weighted noise's and the shifted noise's, and eps_old.
    """
    share, spread = diffusion.cosine(20).alpha_bar[index], 0.4
    action = torch.linspace(-8 * spread, 8 * spread, 4_001)
    noisy = torch.tensor(0.5)
    density = torch.exp(
        -(action**2) / (2 * spread**2) - (noisy - share.sqrt() * action) ** 2 / (2 * (1 - share))
    )
    density /= density.sum()
    noise = (noisy - share.sqrt() * action) / (1 - share).sqrt()
    prior = torch.exp(-(action**2) / (2 * spread**2))
    weights = (strength * (2 * action).sin()).exp()
    weights /= (prior * weights).sum() / prior.sum()
    before = diffusion.normal_noise(noisy, share, spread)
    # One state's proposals; the grid's own mean of the weights is not the law's, so given by hand.
    surplus = weights - 1
    shifted = (density * (before + surplus * (noise - before))).sum()
    mean = (density * weights).sum()
    return mean, (density * weights * noise).sum() / mean, shifted, before


@pytest.mark.parametrize("index", [1, 6, 14])
def test_the_shifted_noises_mean_is_the_weighted_noises_to_first_order(index):
    """eps_old + E[w / v] (m - eps_old), m the weighted noise's: the error falls as the square."""
    errors = []
    for strength in (0.02, 0.01):
        mean, weighted, shifted, before = tilted(index, strength)
        torch.testing.assert_close(shifted, before + mean * (weighted - before))
        errors.append((shifted - weighted).abs().item())
        assert errors[-1] < 0.1 * (weighted - before).abs().item()
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_weighted_samples_come_nearer_to_the_tilted_density_with_more_proposals():
    points = torch.linspace(-1, 1, 41)
    policy = torch.exp(-(points**2) / (2 * 0.5**2))
    policy /= policy.sum()
    value = torch.cos(3 * points + 1)
    temperature = torch.tensor([0.15])
    target = policy * torch.exp(value / temperature)
    target /= target.sum()
    distance = []
    for count in (1, 4, 8, 16, 64):
        drawn = policy.multinomial(640_000, replacement=True).reshape(1, -1, count)
        weights = sm.marginal_weights(value[drawn], temperature)
        found = torch.zeros(41).index_add(0, drawn.flatten(), weights.flatten()) / weights.sum()
        distance.append((found - target).abs().sum().item() / 2)
    assert distance[0] == pytest.approx((policy - target).abs().sum().item() / 2, abs=0.01)
    assert all(later < 0.8 * earlier for earlier, later in itertools.pairwise(distance))
    assert distance[-1] < 0.05
