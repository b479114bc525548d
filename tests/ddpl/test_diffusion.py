"""The schedule's and the posterior's algebra, and how wide the reverse process is."""

import itertools
import math

import pytest
import torch

from rlg_genpo.ddpl import diffusion

pytestmark = pytest.mark.usefixtures("double")

lengths = pytest.mark.parametrize("levels", [2, 20, 100])


def grid(low, high, count=20_001):
    return torch.linspace(low, high, count)


def normal(x, mean, variance):
    return torch.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


@pytest.mark.parametrize("levels", [20, 100, 1000])
def test_the_actions_share_falls_from_almost_all_to_almost_nothing(levels):
    share = diffusion.cosine(levels).alpha_bar
    assert share.shape == (levels,)
    assert 0.99 < share[0] < 1 and 0 < share[-1] < 1e-5
    assert (share.diff() < 0).all()


@lengths
def test_each_level_adds_beta(levels):
    schedule = diffusion.cosine(levels)
    beta = schedule.beta
    assert ((beta > 0) & (beta <= 0.999 + 1e-12)).all()
    assert schedule.before[0] == 1
    assert torch.equal(schedule.before[1:], schedule.alpha_bar[:-1])
    torch.testing.assert_close((1 - beta).cumprod(0), schedule.alpha_bar)
    variance = 0.0  # of a_t given a_0, level by level
    for added, share in zip(beta.tolist(), schedule.alpha_bar.tolist(), strict=True):
        variance = (1 - added) * variance + added
        assert variance == pytest.approx(1 - share)


def test_the_cosine_is_the_published_one():
    """cos^2 x = (1 + cos 2 x) / 2, at (t/T + s) / (1 + s) of a quarter turn, by that at t = 0."""
    found = diffusion.cosine(50).alpha_bar

    def left(t):
        return 1 + math.cos(math.pi * (t / 50 + 0.008) / 1.008)

    expected = torch.tensor([left(t) / left(0) for t in range(1, 50)])
    torch.testing.assert_close(found[:-1], expected)
    assert (found[-1] / found[-2]).item() == pytest.approx(0.001)  # beta is at most 0.999


@lengths
def test_noised_and_denoised_are_inverse(levels):
    share = diffusion.cosine(levels).alpha_bar[:, None, None]
    action, noise = torch.randn(2, levels, 7, 3)
    noisy = diffusion.noised(action, noise, share)
    # At the noisiest level the action is divided by the square root of its share.
    limit = 1e-14 / share.min().sqrt().item()
    torch.testing.assert_close(
        diffusion.denoised(noisy, noise, share), action, rtol=0.0, atol=10 * limit
    )
    assert torch.equal(diffusion.noised(action, noise, torch.tensor(1.0)), action)
    assert torch.equal(diffusion.noised(action, noise, torch.tensor(0.0)), noise)


def test_the_posterior_is_bayes_rule_on_gaussians():
    """Precisions add: the prior's N(sqrt(before) a_0, 1 - before), the likelihood's alpha/beta."""
    schedule = diffusion.cosine(20)
    action, noisy = torch.tensor(0.4), torch.tensor(-0.9)
    for index in range(1, 20):
        before, beta = schedule.before[index], schedule.beta[index]
        precision = 1 / (1 - before) + (1 - beta) / beta
        mean = before.sqrt() * action / (1 - before) + (1 - beta).sqrt() * noisy / beta
        found = diffusion.posterior_mean(noisy, action, schedule, index)
        torch.testing.assert_close(found, mean / precision)
        torch.testing.assert_close(schedule.variance("posterior")[index], 1 / precision)


@pytest.mark.parametrize("index", [1, 5, 12, 19])
def test_the_posterior_is_what_a_grid_says(index):
    schedule = diffusion.cosine(20)
    action, noisy, x = torch.tensor(0.4), torch.tensor(-0.9), grid(-8, 8, 40_001)
    before, beta = schedule.before[index].item(), schedule.beta[index].item()
    density = normal(x, math.sqrt(before) * action, 1 - before)
    density = density * normal(noisy, math.sqrt(1 - beta) * x, beta)
    density /= density.sum()
    mean = (density * x).sum()
    variance = (density * (x - mean) ** 2).sum()
    found = diffusion.posterior_mean(noisy, action, schedule, index)
    torch.testing.assert_close(found, mean, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(
        schedule.variance("posterior")[index], variance, rtol=1e-6, atol=1e-9
    )


def test_at_the_last_step_the_posterior_is_the_action():
    schedule = diffusion.cosine(20)
    action, noisy = torch.randn(2, 5)
    assert torch.equal(diffusion.posterior_mean(noisy, action, schedule, 0), action)
    assert schedule.variance("posterior")[0] == 0


@pytest.mark.parametrize("spread", [0.1, 0.38, 1.0])
@pytest.mark.parametrize("index", [0, 7, 19])
def test_normal_noise_is_the_mean_noise_of_a_normal_action(spread, index):
    share = diffusion.cosine(20).alpha_bar[index].item()
    action = grid(-20 * spread, 20 * spread)
    for noisy in (-1.3, 0.2, 0.8):
        weight = normal(action, 0, spread**2) * normal(noisy, math.sqrt(share) * action, 1 - share)
        noise = (noisy - math.sqrt(share) * action) / math.sqrt(1 - share)
        expected = (weight * noise).sum() / weight.sum()
        found = diffusion.normal_noise(torch.tensor(noisy), torch.tensor(share), spread)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("bound", [1.0, 0.3])
def test_clipped_noise_is_that_of_the_clipped_action(bound):
    share = diffusion.cosine(20).alpha_bar[:, None, None]
    noisy, noise = 2 * torch.randn(2, 20, 50, 3)
    found = diffusion.clipped_noise(noisy, noise, share, bound)
    action = diffusion.denoised(noisy, noise, share)
    inside = action.abs() <= bound
    assert inside.any() and not inside.all()
    torch.testing.assert_close(found[inside], noise[inside], rtol=0.0, atol=1e-9)
    torch.testing.assert_close(
        diffusion.noised(action.clamp(-bound, bound), found, share), noisy, rtol=0.0, atol=1e-9
    )


@pytest.mark.parametrize("added", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("spread", [0.2, 0.6])
def test_widening_is_the_denoiser_of_the_actions_with_noise_added(spread, added):
    """Normal actions with normal noise added are normal, of deviation hypot(spread, added)."""
    share = diffusion.cosine(50).alpha_bar
    wide, noisy = diffusion.widening(share, added), torch.tensor(0.7)
    widened = diffusion.normal_noise(noisy, share, math.hypot(spread, added))
    # At a level of its own it would be exact, by algebra.
    higher = share / wide.scale**2
    narrow = diffusion.normal_noise(noisy / wide.scale, higher, spread)
    torch.testing.assert_close(wide.factor * narrow, widened)
    # Between two levels it is their mean, by chance.
    below, above = (
        diffusion.normal_noise(noisy / wide.scale, share[wide.level + i], spread) for i in (0, 1)
    )
    between = wide.factor * ((1 - wide.part) * below + wide.part * above)
    inner = higher > share[-1]
    torch.testing.assert_close(between[inner], widened[inner], rtol=0.05, atol=0.0)


@pytest.mark.parametrize("added", [0.0, 0.1, 1.0])
def test_widenings_levels_stand_on_either_side_of_the_higher_one(added):
    share = diffusion.cosine(20).alpha_bar
    wide = diffusion.widening(share, added)
    higher = (share / wide.scale**2).clamp(min=share[-1])
    assert ((wide.part >= 0) & (wide.part <= 1)).all()
    found = (1 - wide.part) * share[wide.level] + wide.part * share[wide.level + 1]
    torch.testing.assert_close(found, higher)
    assert (wide.level + wide.part >= torch.arange(20) - 1e-9).all()
    if not added:
        assert (wide.scale == 1).all() and (wide.factor == 1).all()


def exact(schedule, spread):
    """The denoiser of actions N(0, spread^2)."""
    return lambda x, index: diffusion.normal_noise(x, schedule.alpha_bar[index], spread)


def marginal(share, spread):
    """Variance of noisy actions where ``share`` is left of actions N(0, spread^2)."""
    return share * spread**2 + 1 - share


@pytest.mark.parametrize("variance", ["beta", "posterior"])
@pytest.mark.parametrize("spread", [0.1, 0.2, 0.38])
def test_without_bounds_the_reverse_process_is_linear_and_its_variance_a_recursion(
    spread, variance
):
    """E[a_{t-1} | a_t] is the regression cov / var of two normals."""
    schedule, expected = diffusion.cosine(20), 1.0
    added = schedule.variance(variance)
    for index in reversed(range(20)):
        share, before = schedule.alpha_bar[index], schedule.before[index]
        slope = (share / before).sqrt() * marginal(before, spread) / marginal(share, spread)
        expected = slope**2 * expected + (added[index] if index else 0)
    start = torch.randn(20_000, 2)
    drawn = diffusion.reverse(exact(schedule, spread), start, schedule, variance, bound=math.inf)
    # Five standard errors of a standard deviation of 40,000 draws.
    assert drawn.std().item() == pytest.approx(math.sqrt(expected), rel=5 / math.sqrt(80_000))


@pytest.mark.parametrize(
    ("variance", "spread", "found"),
    [
        ("beta", 0.1, 0.102),
        ("beta", 0.2, 0.214),
        ("beta", 0.38, 0.392),
        ("posterior", 0.1, 0.064),
        ("posterior", 0.2, 0.152),
        ("posterior", 0.38, 0.319),
    ],
)
def test_beta_gives_the_spread_back_and_the_posteriors_variance_less(variance, spread, found):
    """The exact denoiser's samples; beta's are within 7 % of the spread that it was fitted to."""
    schedule = diffusion.cosine(20)
    drawn = diffusion.reverse(exact(schedule, spread), torch.randn(20_000, 2), schedule, variance)
    assert drawn.abs().max() <= 1
    assert drawn.std().item() == pytest.approx(found, rel=0.025)
    if variance == "beta":
        assert drawn.std().item() == pytest.approx(spread, rel=0.08)
    else:
        assert drawn.std().item() < 0.86 * spread


@pytest.mark.parametrize("spread", [0.1, 0.38, 1.0])
def test_the_two_variances_are_on_either_side_of_the_exact_one(spread):
    schedule = diffusion.cosine(20)
    share, before = schedule.alpha_bar, schedule.before
    earlier, later = marginal(before, spread), marginal(share, spread)
    conditional = earlier - share / before * earlier**2 / later  # of a_{t-1} given a_t
    assert (schedule.variance("posterior") <= conditional + 1e-12).all()
    assert (conditional <= schedule.variance("beta") + 1e-12).all()


@pytest.mark.parametrize("variance", ["beta", "posterior"])
@pytest.mark.parametrize("bound", [1.0, 0.3])
def test_whatever_the_denoiser_says_the_bounds_hold(variance, bound):
    schedule = diffusion.cosine(20)
    drawn = diffusion.reverse(
        lambda x, index: 5 * torch.randn_like(x),
        torch.randn(500, 3),
        schedule,
        variance,
        1.0,
        bound,
    )
    assert drawn.abs().max() <= bound and (drawn.abs() == bound).any()


def test_the_levels_are_gone_through_from_the_noisiest_to_the_last_that_adds_no_noise():
    seen = []
    schedule = diffusion.following(diffusion.cosine(20).alpha_bar[diffusion.respaced(20, 4)])
    start = torch.randn(6, 2)
    diffusion.reverse(lambda x, i: seen.append(i) or torch.zeros_like(x), start, schedule)
    assert seen == [3, 2, 1, 0]
    one = diffusion.following(torch.tensor([0.25]))
    found = diffusion.reverse(lambda x, index: torch.zeros_like(x), start, one, temperature=9.0)
    assert torch.equal(found, (start / 0.5).clamp(-1, 1))


def test_at_temperature_0_it_follows_the_means():
    schedule, start = diffusion.cosine(20), torch.randn(50, 2)
    denoiser = exact(schedule, 0.2)
    once, twice = (diffusion.reverse(denoiser, start, schedule, temperature=0.0) for _ in range(2))
    assert torch.equal(once, twice)
    assert (diffusion.reverse(denoiser, 0 * start, schedule, temperature=0.0) == 0).all()
    torch.testing.assert_close(
        diffusion.reverse(denoiser, -start, schedule, temperature=0.0), -once
    )


def test_respaced_levels_rise_to_the_noisiest_and_all_are_all():
    for levels, steps in itertools.product(range(1, 40), range(1, 40)):
        if steps <= levels:
            kept = diffusion.respaced(levels, steps)
            assert kept.shape == (steps,) and kept[-1] == levels - 1 and kept[0] >= 0
            assert (kept.diff() > 0).all()
    assert torch.equal(diffusion.respaced(20, 20), torch.arange(20))
    assert diffusion.respaced(20, 5).tolist() == [3, 7, 11, 15, 19]
