"""What TensorBoard and the log are told."""

import logging
import math

import pytest

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
