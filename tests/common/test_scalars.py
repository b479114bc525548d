"""What TensorBoard and the log are told."""

import logging
import math

import pytest

from rlg_genpo.genpo.coupled import Coupling
from tests.rig import BASES, CPPO, STANDARD

ALWAYS = (
    "kl_plain",
    "kl_nonnegative",
    "clipped_share",
    "sigma",
    "compression_distance",
    "action_spread",
    "saturated_share",
    "pair_entropy",
    "inverse_error",
)


@pytest.fixture
def scalars(rig):
    def of(overrides=None):
        written = rig.train({"config.max_epochs": 3, **(overrides or {})}).scalars()
        return {tag.removeprefix("genpo/"): v for tag, v in written.items() if "genpo/" in tag}

    return of


def test_every_epoch_writes_every_scalar(scalars):
    written = scalars()
    assert set(written) == set(ALWAYS)
    for values in written.values():
        assert len(values) == 3
        assert all(math.isfinite(value) for value in values)


def test_without_base_there_is_no_sigma(scalars):
    assert set(scalars(STANDARD)) == set(ALWAYS) - {"sigma"}


#: D = 2, N = 3, p = 0.9: D log(2 pi e) + 2 D N log p, and 2 D log(sigma / spread) on a base
ENTROPY = 2 * math.log(2 * math.pi * math.e) + 12 * math.log(0.9)
SPREAD = Coupling(3, 0.9).spread


@pytest.mark.parametrize("base", BASES)
def test_the_numbers_are_what_they_are_called(scalars, base):
    written = scalars(BASES[base])
    for step, entropy in enumerate(written["pair_entropy"]):
        sigma = SPREAD if base == "standard" else written["sigma"][step]
        assert entropy == pytest.approx(ENTROPY + 4 * math.log(sigma / SPREAD), abs=1e-3)
    assert all(value >= 0 for value in written["kl_nonnegative"])
    assert all(0 <= value <= 1 for value in written["clipped_share"] + written["saturated_share"])
    assert all(value < 1e-4 for value in written["inverse_error"])
    # A sigma of 1; or the mean of two nearly independent normals that mixing has hardly shrunk,
    # 0.71. From 16 samples at 8 states in 2 components it errs by 1 / sqrt(2 * 15 * 16) = 4.6 %.
    spread = 1 if base == "gaussian" else 0.71
    assert written["action_spread"] == pytest.approx([spread] * 3, rel=0.18)
    assert base == "standard" or written["sigma"] == pytest.approx([1] * 3, abs=0.02)


@pytest.mark.parametrize(
    ("overrides", "absent", "present"),
    [
        ({"algo.compression_coef": 0.01}, set(), {"loss_compression"}),
        ({"config.bounds_loss_coef": 0.1}, set(), {"loss_bounds"}),
        ({**STANDARD, "config.bounds_loss_coef": 0.1}, {"sigma"}, {"loss_bounds"}),
        ({"config.entropy_coef": 0.01}, set(), {"loss_entropy"}),
        ({**STANDARD, "config.entropy_coef": 0.01}, {"sigma"}, set()),
        ({"algo.cross_entropy_coef": 0.01}, set(), {"loss_cross_entropy"}),
        ({**STANDARD, "algo.cross_entropy_coef": 0.01}, {"sigma"}, {"loss_cross_entropy"}),
    ],
)
def test_a_loss_is_written_exactly_when_it_is_on(scalars, overrides, absent, present):
    assert set(scalars(overrides)) == (set(ALWAYS) - absent) | present


@pytest.mark.parametrize("base", BASES)
def test_rl_games_own_scalars_are_written(rig, base):
    written = rig.train(BASES[base]).scalars()
    # In an epoch of few steps, a base's sigma hardly leaves 1.
    entropy = ENTROPY if base == "standard" else ENTROPY - 4 * math.log(SPREAD)
    tolerance = 1e-6 if base == "standard" else 0.01
    assert written["losses/entropy"] == pytest.approx([entropy] * 2, rel=tolerance)
    assert written["info/last_lr"] == pytest.approx([1e-3] * 2)
    assert all(math.isfinite(value) for value in written["losses/a_loss"] + written["info/kl"])


@pytest.mark.parametrize(
    ("base", "coefficient", "count"),
    [("standard", 0.0, 0), ("standard", 0.01, 1), ("gaussian", 0.01, 0)],
)
def test_an_entropy_coefficient_without_base_is_warned_of_once(
    rig, caplog, base, coefficient, count
):
    with caplog.at_level(logging.WARNING, logger="rlg_genpo"):
        rig.train({**BASES[base], "config.entropy_coef": coefficient})
    warnings = [r for r in caplog.records if "params.config.entropy_coef" in r.getMessage()]
    assert len(warnings) == count


# -- CPPO -----------------------------------------------------------------------------------------

CPPO_ALWAYS = (
    "kl_plain",
    "kl_nonnegative",
    "clipped_share",
    "loss_shrinkage",
    "kernel_kl",
    "kernel_sigma",
    "residual_size",
    "matching_loss",
    "matching_passes",
    "reference_spread",
    "action_spread",
    "teacher_to_flow",
    "ema_drift",
    "entropy_bound",
    "entropy_low",
    "entropy_high",
    "saturated_share",
)


@pytest.fixture
def cppo_scalars(rig):
    def of(overrides=None):
        written = rig.train({"config.max_epochs": 3, **CPPO, **(overrides or {})}).scalars()
        return {tag.removeprefix("cppo/"): v for tag, v in written.items() if "cppo/" in tag}

    return of


def test_cppo_writes_every_scalar_every_epoch(cppo_scalars):
    written = cppo_scalars()
    assert set(written) == set(CPPO_ALWAYS)
    for values in written.values():
        assert len(values) == 3
        assert all(math.isfinite(value) for value in values)


#: sigma of 0.4, the kernel's, and the variance of an untrained action
UNTRAINED = {
    # 0.4 sqrt(kappa (2 - kappa)), and 0.4^2 whatever kappa is
    "gaussian": (
        {"network.space.continuous": {"sigma_init": {"name": "const_initializer", "val": -0.9163}}},
        0.4 * math.sqrt(0.75),
        0.16,
    ),
    # a_k ~ N(0, I) and a ~ N(0, 1.16 I)
    "standard": ({**STANDARD, "network.residual.sigma": 0.4}, 0.4, 1.16),
}


@pytest.mark.parametrize("base", UNTRAINED)
def test_cppos_numbers_are_what_they_are_called(cppo_scalars, base):
    overrides, kernel_sigma, variance = UNTRAINED[base]
    # More states than environments are not probed: 64 of these, 16 samples at each.
    written = cppo_scalars({**overrides, "config.num_actors": 64})
    for name in ("kl_nonnegative", "kernel_kl", "loss_shrinkage", "matching_loss", "ema_drift"):
        assert all(value >= 0 for value in written[name]), name
    assert all(0 <= value <= 1 for value in written["clipped_share"] + written["saturated_share"])
    assert written["matching_passes"] == [3.0] * 3
    assert written["kernel_sigma"] == pytest.approx([kernel_sigma] * 3, abs=0.01)
    # D = 2: log(2 pi e sigma^2), of the sigma beside it
    for bound, sigma in zip(written["entropy_bound"], written["kernel_sigma"], strict=True):
        assert bound == pytest.approx(math.log(2 * math.pi * math.e * sigma**2), abs=1e-3)
    # A standard deviation from 16 samples is 1.6 % low, and its mean over 64 states in 2 components
    # errs by 1 / sqrt(2 * 15 * 128) = 1.6 %.
    assert written["reference_spread"][0] == pytest.approx(0.984, abs=5 * 0.016)
    spread = 0.984 * math.sqrt(variance)
    assert written["action_spread"][0] == pytest.approx(spread, rel=5 * 0.016)
    entropy = math.log(2 * math.pi * math.e * variance)
    assert written["entropy_bound"][0] < written["entropy_low"][0] < written["entropy_high"][0]
    # log p of a Gaussian in two dimensions has the variance 1: over 64 states it errs by 1/8.
    assert written["entropy_low"][0] < entropy + 5 / 8
    assert entropy - 5 / 8 < written["entropy_high"][0]
    # the flow has not left the normal that it starts at, and the teacher hardly
    assert abs(written["teacher_to_flow"][0]) < 0.1
    # One step of 1 - 0.9 from where both were equal, then a lag of some steps of that size.
    assert 0 < written["ema_drift"][0] < written["ema_drift"][-1] < 0.5


@pytest.mark.parametrize(
    ("overrides", "absent", "present"),
    [
        ({"algo.regulariser": "none"}, {"loss_shrinkage"}, set()),
        ({"algo.regulariser_coef": 0}, {"loss_shrinkage"}, set()),
        ({"algo.regulariser": "langevin"}, {"loss_shrinkage"}, {"loss_langevin"}),
        ({"algo.regulariser": "kl_old"}, {"loss_shrinkage"}, {"loss_kl_old"}),
        ({"config.bounds_loss_coef": 0.1}, set(), {"loss_bounds"}),
        ({"config.entropy_coef": 0.01}, set(), {"loss_entropy"}),
    ],
)
def test_a_loss_of_cppo_is_written_exactly_when_it_is_on(cppo_scalars, overrides, absent, present):
    written = cppo_scalars({**overrides, "config.max_epochs": 1})
    assert set(written) == (set(CPPO_ALWAYS) - absent) | present


@pytest.mark.parametrize(("base", "variance"), [("gaussian", 0.75), ("standard", 0.25)])
def test_rl_games_entropy_of_cppo_is_the_kernels(rig, base, variance):
    written = rig.train({**CPPO, **BASES[base]}).scalars()
    assert written["losses/entropy"] == pytest.approx(written["cppo/entropy_bound"], abs=0.01)
    assert written["losses/entropy"][0] == pytest.approx(
        math.log(2 * math.pi * math.e * variance), abs=0.01
    )


def test_no_warning_of_an_entropy_that_does_nothing(rig, caplog):
    with caplog.at_level(logging.WARNING, logger="rlg_genpo"):
        rig.train({**CPPO, "config.entropy_coef": 0.01})
    assert not [r for r in caplog.records if "entropy" in r.getMessage()]
