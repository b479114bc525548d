"""What the learning rate does, in isolation and in training."""

import pytest
import torch

ADAPTIVE = {"config.lr_schedule": "adaptive", "config.max_epochs": 4}


@pytest.mark.parametrize("kind", ["legacy", "standard"])
@pytest.mark.parametrize(("threshold", "end"), [(1e-9, 5e-4), (1e3, 2e-3)])
def test_an_adaptive_rate_ends_at_a_bound_and_never_leaves_it(rig, kind, threshold, end):
    run = rig.train(
        {
            **ADAPTIVE,
            "config.schedule_type": kind,
            "config.kl_threshold": threshold,
            "algo.min_lr": 5e-4,
            "algo.max_lr": 2e-3,
        }
    )
    rates = [step.rate for step in run.steps]
    assert rates[0] == 1e-3
    assert all(5e-4 <= rate <= 2e-3 for rate in rates)
    assert run.agent.last_lr == end


def test_without_an_upper_bound_the_rate_never_exceeds_its_start(rig):
    run = rig.train({**ADAPTIVE, "config.kl_threshold": 1e3, "algo.max_lr": None})
    assert {step.rate for step in run.steps} == {1e-3}


def test_the_schedule_reads_the_change_since_the_pass_before(rig):
    """As rl_games measures a Gaussian's KL; to the rollout's policy it grows with every pass."""
    run = rig.train({"config.lr_schedule": "constant", "config.mini_epochs": 4})
    kls = [step.kl for step in run.steps if step.epoch == 1]
    ratios = [step.log_ratio for step in run.steps if step.epoch == 1]
    parts = len(kls) // 4
    for index in range(parts, len(kls)):
        change = ratios[index] - ratios[index - parts]
        torch.testing.assert_close(kls[index], change.expm1() - change)


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
