"""What TensorBoard and the log are told."""

import logging
import math

import pytest

from tests.rig import CPPO

ALWAYS = (
    "kl_plain",
    "kl_nonnegative",
    "clipped_share",
    "loss_compression",
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


def test_the_numbers_are_what_they_are_called(scalars):
    written = scalars()
    # D = 2, N = 3, p = 0.9: D log(2 pi e) + 2 D N log p
    entropy = 2 * math.log(2 * math.pi * math.e) + 12 * math.log(0.9)
    assert written["pair_entropy"] == pytest.approx([entropy] * 3)
    assert all(value >= 0 for value in written["kl_nonnegative"])
    assert all(0 <= value <= 1 for value in written["clipped_share"] + written["saturated_share"])
    assert all(value < 1e-4 for value in written["inverse_error"])
    # The mean of two nearly independent normals that mixing has hardly shrunk: 0.71. Measured on
    # 16 samples at 8 states in 2 components: standard error 0.71 / sqrt(2 * 15 * 16) = 0.03.
    assert written["action_spread"] == pytest.approx([0.71] * 3, abs=0.13)


@pytest.mark.parametrize(
    ("overrides", "absent", "present"),
    [
        ({"algo.compression_coef": 0}, {"loss_compression"}, set()),
        ({"config.bounds_loss_coef": 0.1}, set(), {"loss_bounds"}),
        ({"config.entropy_coef": 0.01}, set(), {"loss_cross_entropy"}),
    ],
)
def test_a_loss_is_written_exactly_when_it_is_on(scalars, overrides, absent, present):
    assert set(scalars(overrides)) == (set(ALWAYS) - absent) | present


def test_rl_games_own_scalars_are_written(rig):
    written = rig.train().scalars()
    entropy = 2 * math.log(2 * math.pi * math.e) + 12 * math.log(0.9)
    assert written["losses/entropy"] == pytest.approx([entropy] * 2)
    assert written["info/last_lr"] == pytest.approx([1e-3] * 2)
    assert all(math.isfinite(value) for value in written["losses/a_loss"] + written["info/kl"])


@pytest.mark.parametrize(("coefficient", "count"), [(0.0, 0), (0.01, 1)])
def test_an_entropy_coefficient_is_warned_of_once(rig, caplog, coefficient, count):
    with caplog.at_level(logging.WARNING, logger="rlg_genpo"):
        rig.train({"config.entropy_coef": coefficient})
    warnings = [r for r in caplog.records if "params.config.entropy_coef" in r.getMessage()]
    assert len(warnings) == count


# -- CPPO -----------------------------------------------------------------------------------------

CPPO_ALWAYS = (
    "kl_plain",
    "kl_nonnegative",
    "clipped_share",
    "loss_langevin",
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


def test_cppos_numbers_are_what_they_are_called(cppo_scalars):
    # More states than environments are not probed: 64 of these, 16 samples at each.
    written = cppo_scalars({"config.num_actors": 64, "network.residual.sigma": 0.4})
    for name in ("kl_nonnegative", "kernel_kl", "loss_langevin", "matching_loss", "ema_drift"):
        assert all(value >= 0 for value in written[name]), name
    assert all(0 <= value <= 1 for value in written["clipped_share"] + written["saturated_share"])
    assert written["matching_passes"] == [3.0] * 3
    assert written["kernel_sigma"] == pytest.approx([0.4] * 3, abs=0.01)
    # D = 2: log(2 pi e sigma^2), of the sigma beside it
    for bound, sigma in zip(written["entropy_bound"], written["kernel_sigma"], strict=True):
        assert bound == pytest.approx(math.log(2 * math.pi * math.e * sigma**2), abs=1e-3)
    # Untrained, a_k ~ N(0, I) and a ~ N(0, 1.16 I). A standard deviation from 16 samples is
    # 1.6 % low, and its mean over 64 states in 2 components errs by 1 / sqrt(2 * 15 * 128) = 1.6 %.
    assert written["reference_spread"][0] == pytest.approx(0.984, abs=5 * 0.016)
    assert written["action_spread"][0] == pytest.approx(1.06, abs=5 * 0.018)
    entropy = math.log(2 * math.pi * math.e * 1.16)
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
        ({"algo.regulariser": "none"}, {"loss_langevin"}, set()),
        ({"algo.regulariser_coef": 0}, {"loss_langevin"}, set()),
        ({"algo.regulariser": "shrinkage"}, {"loss_langevin"}, {"loss_shrinkage"}),
        ({"algo.regulariser": "kl_old"}, {"loss_langevin"}, {"loss_kl_old"}),
        ({"config.bounds_loss_coef": 0.1}, set(), {"loss_bounds"}),
        ({"config.entropy_coef": 0.01}, set(), {"loss_entropy"}),
    ],
)
def test_a_loss_of_cppo_is_written_exactly_when_it_is_on(cppo_scalars, overrides, absent, present):
    written = cppo_scalars({**overrides, "config.max_epochs": 1})
    assert set(written) == (set(CPPO_ALWAYS) - absent) | present


def test_rl_games_entropy_of_cppo_is_the_kernels(rig):
    written = rig.train(CPPO).scalars()
    assert written["losses/entropy"] == pytest.approx(written["cppo/entropy_bound"], abs=0.01)
    assert written["losses/entropy"][0] == pytest.approx(
        math.log(2 * math.pi * math.e * 0.25), abs=0.01
    )


def test_no_warning_of_an_entropy_that_does_nothing(rig, caplog):
    with caplog.at_level(logging.WARNING, logger="rlg_genpo"):
        rig.train({**CPPO, "config.entropy_coef": 0.01})
    assert not [r for r in caplog.records if "entropy" in r.getMessage()]
