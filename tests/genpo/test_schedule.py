"""What the learning rate does, in isolation and in training."""

import pytest

from rlg_genpo.genpo.schedule import FACTOR, BoundedAdaptive

TARGET = 0.01
QUIET, WITHIN, LOUD = 0.004, 0.01, 0.03


def rates_of(schedule, kls_by_epoch, rate=1e-3):
    """The rate after each call, epoch by epoch, as rl_games calls a scheduler."""
    seen = []
    for epoch, kls in enumerate(kls_by_epoch, start=1):
        seen.append([])
        for kl in kls:
            rate, entropy_coef = schedule.update(rate, 0.5, epoch, 0, kl)
            assert entropy_coef == 0.5
            seen[-1].append(rate)
    return seen


def bounded(window, max_lr=1e-3):
    return BoundedAdaptive(TARGET, min_lr=1e-4, max_lr=max_lr, window=window)


@pytest.mark.parametrize(("kl", "factor"), [(QUIET, FACTOR), (WITHIN, 1.0), (LOUD, 1 / FACTOR)])
def test_every_call_multiplies_or_divides_by_the_factor(kl, factor):
    (rates,) = rates_of(bounded(0, max_lr=1.0), [[kl, kl]])
    assert rates == pytest.approx([1e-3 * factor, 1e-3 * factor**2])


@pytest.mark.parametrize("window", [0, 3])
@pytest.mark.parametrize(("kl", "end"), [(QUIET, 1e-3), (LOUD, 1e-4)])
def test_the_rate_stays_within_its_bounds(window, kl, end):
    epochs = rates_of(bounded(window), [[kl] * 3] * 20)
    rates = [rate for epoch in epochs for rate in epoch]
    assert all(1e-4 <= rate <= 1e-3 for rate in rates)
    assert rates[-1] == end


def test_an_epoch_decides_once_on_its_last_mini_epoch():
    # Two mini-epochs of three minibatches each: the first has no KL yet, the last is loud.
    quiet_then_loud = [0.0] * 3 + [LOUD] * 3
    rates = rates_of(bounded(3), [quiet_then_loud] * 3)
    assert rates[0] == [1e-3] * 6
    assert rates[1] == pytest.approx([1e-3 / FACTOR] * 6)
    assert rates[2] == pytest.approx([1e-3 / FACTOR**2] * 6)


def test_an_epoch_decides_on_the_mean_of_its_window():
    # Half at zero, half at twice the target: on average exactly the target.
    rates = rates_of(bounded(2), [[0.0, 2 * TARGET]] * 3)
    assert rates == [[1e-3] * 2] * 3


ADAPTIVE = {"config.lr_schedule": "adaptive", "config.max_epochs": 4}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["legacy", "standard"])
@pytest.mark.parametrize("adapt", ["epoch", "call"])
@pytest.mark.parametrize("threshold", [1e-9, 1e3])
def test_adaptive_training_keeps_the_rate_within_bounds(rig, kind, adapt, threshold):
    run = rig.train(
        {
            **ADAPTIVE,
            "config.schedule_type": kind,
            "algo.adapt": adapt,
            "config.kl_threshold": threshold,
            "algo.min_lr": 5e-4,
        }
    )
    rates = [step.rate for step in run.steps]
    assert rates[0] == 1e-3
    assert all(5e-4 <= rate <= 1e-3 for rate in rates)  # never above where it started
    assert rates[-1] == (5e-4 if threshold < 1 else 1e-3)


@pytest.mark.parametrize("kind", ["legacy", "standard"])
def test_the_first_epoch_never_climbs_above_max_lr(rig, kind):
    # A target out of reach pushes the rate up all the time.
    run = rig.train(
        {
            **ADAPTIVE,
            "config.schedule_type": kind,
            "config.kl_threshold": 1e3,
            "algo.adapt": "call",
            "algo.max_lr": 2e-3,
        }
    )
    assert max(run.rates(epoch=1)) <= 2e-3
    assert run.agent.last_lr == 2e-3


@pytest.mark.parametrize("kind", ["legacy", "standard"])
def test_adapting_once_an_epoch_leaves_the_rate_alone_within_it(rig, kind):
    run = rig.train({**ADAPTIVE, "config.schedule_type": kind, "config.kl_threshold": 1e-9})
    # The decision falls on an epoch's first measured KL, after its first step or mini-epoch.
    changes = [
        sum(a != b for a, b in zip(run.rates(epoch), run.rates(epoch)[1:], strict=False))
        for epoch in range(1, 5)
    ]
    assert changes == [0, 1, 1, 1]
    assert run.agent.last_lr == pytest.approx(1e-3 / FACTOR**3)


@pytest.mark.parametrize("kind", ["legacy", "standard"])
def test_linear_falls_from_the_start_to_nothing(rig, kind):
    run = rig.train(
        {
            "config.lr_schedule": "linear",
            "config.schedule_type": kind,
            "config.max_epochs": 4,
        }
    )
    rates = [step.rate for step in run.steps]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 1e-3
    assert run.agent.last_lr == pytest.approx(1e-6)


@pytest.mark.parametrize("name", ["constant", "identity", None])
def test_constant_stays(rig, name):
    run = rig.train({"config.lr_schedule": name, "config.learning_rate": "1e-3"})
    assert {step.rate for step in run.steps} == {1e-3}
