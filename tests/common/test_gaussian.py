"""A diagonal Gaussian's density, entropy and divergence, against torch's own and by sampling."""

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from rlg_genpo.common import gaussian

pytestmark = pytest.mark.usefixtures("double")


@pytest.fixture
def pair():
    means, log_sigmas = torch.randn(2, 7, 3), 0.5 * torch.randn(2, 7, 3)
    return (
        means,
        log_sigmas,
        [
            Independent(Normal(mean, log_sigma.exp()), 1)
            for mean, log_sigma in zip(means, log_sigmas, strict=True)
        ],
    )


def test_the_density_is_torchs(pair):
    means, log_sigmas, (law, _) = pair
    action = torch.randn(7, 3)
    found = gaussian.neglogp(action, means[0], log_sigmas[0])
    torch.testing.assert_close(found, -law.log_prob(action))


def test_a_state_independent_sigma_is_shared(pair):
    means, log_sigmas, _ = pair
    action, shared = torch.randn(7, 3), log_sigmas[0, 0]
    found = gaussian.neglogp(action, means[0], shared)
    torch.testing.assert_close(found, gaussian.neglogp(action, means[0], shared.expand(7, 3)))


def test_the_density_integrates_to_one():
    x = torch.linspace(-12, 12, 20_001).unsqueeze(-1)
    mean, log_sigma = torch.tensor([0.3]), torch.tensor([-0.4])
    density = (-gaussian.neglogp(x, mean, log_sigma)).exp()
    assert torch.trapezoid(density, x.squeeze(-1)).item() == pytest.approx(1, abs=1e-10)


def test_the_entropy_is_torchs_and_the_mean_negative_log_density(pair):
    means, log_sigmas, (law, _) = pair
    entropy = gaussian.entropy(log_sigmas[0])
    torch.testing.assert_close(entropy, law.entropy())
    samples = law.sample((40_000,))
    measured = gaussian.neglogp(samples, means[0], log_sigmas[0])
    error = measured.std(dim=0) / 200  # of the mean of 40,000
    assert ((measured.mean(dim=0) - entropy).abs() < 5 * error).all()


def test_the_divergence_is_torchs_and_zero_to_itself(pair):
    means, log_sigmas, (law, other) = pair
    found = gaussian.kl(means[0], log_sigmas[0], means[1], log_sigmas[1])
    torch.testing.assert_close(found, kl_divergence(law, other))
    itself = gaussian.kl(means[0], log_sigmas[0], means[0], log_sigmas[0])
    torch.testing.assert_close(itself, torch.zeros(7))
