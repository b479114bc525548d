"""The coupled flow against autograd, quadrature and algebra. D, N, p as in the module."""

import math

import pytest
import torch
from torch.distributions import Normal

from rlg_genpo.genpo import coupled
from rlg_genpo.genpo.config import MAX_ERROR_GROWTH, error_growth
from rlg_genpo.genpo.coupled import Coupling

#: (D, N, p), with the smallest sizes and a flow that does not mix
SIZES = [
    (1, 1, 1.0),
    (1, 1, 0.5),
    (1, 5, 0.9),
    (3, 1, 0.6),
    (2, 5, 1.0),
    (3, 4, 0.95),
    (4, 9, 0.7),
]

pytestmark = pytest.mark.usefixtures("double")
sizes = pytest.mark.parametrize(("dim", "steps", "mix"), SIZES)


def weights_of(dim, hidden=8):
    return torch.randn(dim, hidden), torch.randn(hidden), torch.randn(hidden, dim)


def velocity_of(weights):
    """A smooth velocity that mixes components and changes with the step."""
    inward, shift, outward = weights
    return lambda half, k: torch.tanh(half @ inward + (k + 1) * shift) @ outward


def still(half, k):
    return torch.zeros_like(half)


def log_normal(z):
    return Normal(0.0, 1.0).log_prob(z).sum(dim=-1)


@sizes
def test_uncouple_inverts_couple_and_couple_inverts_uncouple(dim, steps, mix):
    velocity, z = velocity_of(weights_of(dim)), torch.randn(7, 2 * dim)
    pair = coupled.couple(velocity, z, Coupling(steps, mix))
    assert not torch.allclose(pair, z)
    torch.testing.assert_close(coupled.uncouple(velocity, pair, Coupling(steps, mix)), z)
    noise = coupled.uncouple(velocity, z, Coupling(steps, mix))
    torch.testing.assert_close(coupled.couple(velocity, noise, Coupling(steps, mix)), z)


@sizes
def test_leading_dimensions_are_kept(dim, steps, mix):
    velocity, z = velocity_of(weights_of(dim)), torch.randn(2, 3, 2 * dim)
    pair = coupled.couple(velocity, z, Coupling(steps, mix))
    assert pair.shape == z.shape
    alone = coupled.couple(velocity, z[1, 2], Coupling(steps, mix))
    torch.testing.assert_close(alone, pair[1, 2])
    assert Coupling(steps, mix).pair_neglogp(z).shape == (2, 3)


@sizes
def test_log_abs_det_is_the_jacobians(dim, steps, mix):
    velocity = velocity_of(weights_of(dim))
    for z in torch.randn(3, 2 * dim):
        jacobian = torch.func.jacrev(lambda z: coupled.couple(velocity, z, Coupling(steps, mix)))(z)
        expected = torch.linalg.slogdet(jacobian).logabsdet.item()
        assert Coupling(steps, mix).log_abs_det(dim) == pytest.approx(expected, abs=1e-10)


def test_log_abs_det_by_hand():
    # D = 3, N = 4, p = 1/2: the mixing lines scale volume by 2^-3, twice in each of 4 steps.
    assert Coupling(4, 0.5).log_abs_det(3) == pytest.approx(-24 * math.log(2))
    assert Coupling(4, 1.0).log_abs_det(3) == 0


@sizes
def test_density_by_two_routes(dim, steps, mix):
    velocity, z = velocity_of(weights_of(dim)), torch.randn(5, 2 * dim)
    jacobians = torch.func.vmap(
        torch.func.jacrev(lambda z: coupled.couple(velocity, z, Coupling(steps, mix)))
    )(z)
    by_jacobian = log_normal(z) - torch.linalg.slogdet(jacobians).logabsdet
    torch.testing.assert_close(-Coupling(steps, mix).pair_neglogp(z), by_jacobian)


@pytest.mark.parametrize(("steps", "mix"), [(1, 0.6), (5, 0.9)])
def test_density_of_the_pair_integrates_to_one(steps, mix):
    velocity = velocity_of(weights_of(1))
    axis = torch.linspace(-20, 20, 801)
    grid = torch.cartesian_prod(axis, axis)
    noise = coupled.uncouple(velocity, grid, Coupling(steps, mix))
    density = torch.exp(-Coupling(steps, mix).pair_neglogp(noise)).view(len(axis), len(axis))
    assert density[0].max() < 1e-12 and density[:, -1].max() < 1e-12  # the grid holds all of it
    mass = torch.trapezoid(torch.trapezoid(density, axis, dim=1), axis, dim=0)
    assert mass.item() == pytest.approx(1, abs=1e-4)


@sizes
def test_parameter_gradient_equals_that_through_the_full_jacobian(dim, steps, mix):
    weights = [weight.requires_grad_() for weight in weights_of(dim)]
    pair = torch.randn(2 * dim)

    def noise_of(pair):
        return coupled.uncouple(velocity_of(weights), pair, Coupling(steps, mix))

    noise = noise_of(pair)
    closed = -Coupling(steps, mix).pair_neglogp(noise)
    jacobian = torch.func.jacrev(noise_of)(pair)
    full = log_normal(noise) + torch.linalg.slogdet(jacobian).logabsdet
    closed_gradient = torch.autograd.grad(closed, weights, retain_graph=True)
    full_gradient = torch.autograd.grad(full, weights)
    assert max(gradient.abs().max() for gradient in closed_gradient) > 1e-3
    torch.testing.assert_close(closed_gradient, full_gradient, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("dim", "steps", "mix"), [(1, 1, 0.5), (3, 5, 0.9), (2, 2, 1.0)])
def test_entropy_is_the_mean_neglogp_whatever_the_parameters(dim, steps, mix, seed):
    torch.manual_seed(seed)  # another seed, another velocity: the same number
    velocity, count = velocity_of(weights_of(dim)), 100_000
    pair = coupled.couple(velocity, torch.randn(count, 2 * dim), Coupling(steps, mix))
    neglogp = Coupling(steps, mix).pair_neglogp(
        coupled.uncouple(velocity, pair, Coupling(steps, mix))
    )
    # |z|^2 / 2 has variance D, so five standard errors are:
    bound = 5 * math.sqrt(dim / count)
    assert abs(neglogp.mean().item() - Coupling(steps, mix).pair_entropy(dim)) < bound


@sizes
def test_zero_noise_is_the_mode(dim, steps, mix):
    velocity = velocity_of(weights_of(dim))
    mode = coupled.couple(velocity, torch.zeros(2 * dim), Coupling(steps, mix))
    elsewhere = mode + torch.randn(200, 2 * dim) * torch.logspace(-3, 1, 200).unsqueeze(-1)

    def neglogp(pair):
        return Coupling(steps, mix).pair_neglogp(
            coupled.uncouple(velocity, pair, Coupling(steps, mix))
        )

    assert (neglogp(elsewhere) > neglogp(mode)).all()


@pytest.mark.parametrize(("steps", "mix"), [(1, 0.5), (5, 0.9), (20, 0.8)])
def test_error_growth_is_the_inverses_largest_eigenvalue(steps, mix):
    # Mixing maps (1, -p) to p^2 (1, -p), so without velocity unmixing stretches it by p^-2 a step.
    direction = torch.tensor([1.0, -mix])
    stretched = coupled.uncouple(still, direction, Coupling(steps, mix))
    torch.testing.assert_close(stretched, error_growth(steps, mix) * direction)


@pytest.mark.parametrize(("steps", "mix"), [(1, 0.011), (2, 0.105), (5, 0.4), (20, 0.8)])
def test_about_three_digits_survive_float32_at_the_allowed_error_growth(steps, mix):
    assert 0.7 * MAX_ERROR_GROWTH < error_growth(steps, mix) <= MAX_ERROR_GROWTH
    velocity = velocity_of([weight.float() for weight in weights_of(4)])
    z = torch.randn(5_000, 8, dtype=torch.float32)
    back = coupled.uncouple(
        velocity, coupled.couple(velocity, z, Coupling(steps, mix)), Coupling(steps, mix)
    )
    error = (back - z).norm(dim=-1) / z.norm(dim=-1)
    assert error.median().item() < 2e-3


def test_float32_round_trip_at_the_default_flow_is_exact_to_rounding():
    velocity = velocity_of([weight.float() for weight in weights_of(4)])
    z = torch.randn(5_000, 8, dtype=torch.float32)
    back = coupled.uncouple(
        velocity, coupled.couple(velocity, z, Coupling(5, 0.9)), Coupling(5, 0.9)
    )
    assert (back - z).abs().max().item() < 1e-4


def test_the_executed_action_is_the_mean_of_the_halves():
    pair = torch.tensor([[1.0, -2.0, 3.0, 4.0]])
    torch.testing.assert_close(coupled.executed(pair), torch.tensor([[2.0, 1.0]]))


def test_couple_by_hand():
    # N = 1, p = 1/2, v(half) = 2 half, (x, y) = (1, 3):
    # x~ = 1 + 6 = 7, y~ = 3 + 14 = 17, x+ = (7 + 17)/2 = 12, y+ = (17 + 12)/2 = 14.5.
    pair = coupled.couple(lambda half, k: 2 * half, torch.tensor([1.0, 3.0]), Coupling(1, 0.5))
    torch.testing.assert_close(pair, torch.tensor([12.0, 14.5]))


def test_each_step_is_a_quarter_of_time_at_four_steps():
    # With p = 1 and a constant velocity k in step k, both halves move by (0 + 1 + 2 + 3) / 4.
    def ramp(half, k):
        return torch.full_like(half, float(k))

    pair = coupled.couple(ramp, torch.zeros(2), Coupling(4, 1.0))
    torch.testing.assert_close(pair, torch.full((2,), 1.5))


PAIR = torch.tensor([[1.0, 2.0, 4.0, -2.0], [0.5, 0.5, 0.5, 0.5]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (coupled.compression_squared, [12.5, 0.0]),  # ((1 - 4)^2 + (2 + 2)^2) / 2
        (coupled.compression_norm, [5.0, 0.0]),  # sqrt(9 + 16)
    ],
)
def test_compression_by_hand(loss, expected):
    torch.testing.assert_close(loss(PAIR), torch.tensor(expected))


@pytest.mark.parametrize("loss", [coupled.compression_squared, coupled.compression_norm])
def test_compression_has_a_finite_gradient_where_the_halves_agree(loss):
    pair = torch.full((3, 4), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(pair).sum(), pair)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("loss", [coupled.compression_squared, coupled.compression_norm])
def test_compression_pulls_the_halves_together(loss):
    pair = PAIR[:1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(pair).sum(), pair)
    closer = pair - 0.01 * gradient
    assert loss(closer).item() < loss(pair).item()
