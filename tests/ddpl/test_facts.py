"""What repeated refits to its own samples do to a diffusion policy, under a constant value.

D = 1 and no states. Each refit is exact: E[a_0 | a_t] of the samples' own histogram on a grid of
actions. So what happens to the spread is the sampler's doing, and no network's.
"""

import pytest
import torch

from rlg_genpo.ddpl import diffusion

POINTS, SAMPLES = 81, 4_000
SPREAD = 0.38

pytestmark = pytest.mark.usefixtures("double")

ACTIONS = torch.linspace(-1, 1, POINTS)
NOISY = torch.linspace(-6, 6, 301)


def exact_denoiser(samples, schedule):
    """The mean noise in a_t over the samples' histogram, between the points by straight lines."""
    width = 2 / (POINTS - 1)
    density = torch.histc(samples, POINTS, -1 - width / 2, 1 + width / 2)
    actions, noisy = ACTIONS.double(), NOISY.double().unsqueeze(-1)
    tables = []
    for share in schedule.alpha_bar:
        log = density.log() - (noisy - share.sqrt() * actions) ** 2 / (2 * (1 - share))
        mean = log.softmax(dim=1) @ actions
        tables.append((noisy.squeeze(-1) - share.sqrt() * mean) / (1 - share).sqrt())

    def denoiser(x, index):
        place = ((x + 6) / 12 * 300).clamp(0, 300 - 1e-9)
        left = place.long()
        part = place - left
        return (1 - part) * tables[index][left] + part * tables[index][left + 1]

    return denoiser


def spreads(refits, levels=20, steps=None, variance="beta", start=SPREAD, added=0.0):
    """Standard deviation of the samples before the first refit and after each."""
    share = diffusion.cosine(levels).alpha_bar[diffusion.respaced(levels, steps or levels)]
    schedule = diffusion.following(share)
    samples = (start * torch.randn(SAMPLES)).clamp(-1, 1)
    found = [samples.std().item()]
    for _ in range(refits):
        denoiser = exact_denoiser(samples, schedule)
        samples = diffusion.reverse(denoiser, torch.randn(SAMPLES), schedule, variance)
        found.append(samples.std().item())
        samples = (samples + added * torch.randn(SAMPLES)).clamp(-1, 1)
    return found


def test_with_20_steps_of_variance_beta_the_spread_is_about_the_same_after_20_refits():
    assert spreads(20)[-1] == pytest.approx(SPREAD, rel=0.15)


@pytest.mark.parametrize(
    "how",
    [{"variance": "posterior"}, {"steps": 5}, {"steps": 2}, {"steps": 5, "variance": "posterior"}],
    ids=str,
)
def test_with_the_posteriors_variance_or_few_steps_it_is_gone(how):
    found = spreads(20, **how)
    assert found[-1] < 0.05 and found[5] < 0.8 * SPREAD


@pytest.mark.slow
def test_in_the_end_it_goes_with_variance_beta_too():
    """It rises before it falls: .38, .44, then ever less."""
    found = spreads(80)
    assert max(found) > 1.08 * SPREAD
    assert found[-1] < 0.05


@pytest.mark.slow
def test_noise_on_the_proposals_keeps_it():
    found = spreads(80, added=0.1)
    assert min(found) > 0.3
