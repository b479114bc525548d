"""What the learning rate does, in isolation and in training."""

import pytest
import torch

from tests.rig import BASES, CPPO, LSTM, STANDARD, Rig

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


MEMORY = {"config.env_config.observation": "memory"}
#: what cuts the rollout into rows, and what a row is; 128 rows are there
CUTS = {
    "two_minibatches": {},
    "one_minibatch": {"config.minibatch_size": 128},
    "standard": STANDARD,
    "two_agents": {"config.env_config.agents": 2},
    "lstm": {**MEMORY, "network.rnn": LSTM},
    "gru_separate_long": {
        **MEMORY,
        "network.rnn": {**LSTM, "name": "gru"},
        "network.separate": True,
        "config.seq_length": 8,
        "config.minibatch_size": 32,
    },
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_the_schedule_reads_the_change_since_the_pass_before(rig, cut):
    """As rl_games measures a Gaussian's KL; to the rollout's policy it grows with every pass."""
    passes = 4
    run = rig.train({"config.lr_schedule": "constant", "config.mini_epochs": passes, **cut})
    for epoch in (1, 2):
        steps = [step for step in run.steps if step.epoch == epoch]
        parts = len(steps) // passes
        for step in steps[:parts]:
            torch.testing.assert_close(step.kl, step.log_ratio.expm1() - step.log_ratio)
        for before, after in zip(steps, steps[parts:], strict=False):
            change = after.log_ratio - before.log_ratio
            assert change.abs().max().item() > 1e-5
            torch.testing.assert_close(after.kl, change.expm1() - change)


BOUNDS = {"algo.min_lr": 5e-4, "algo.max_lr": 4e-3}


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
@pytest.mark.parametrize("kind", ["legacy", "standard"])
@pytest.mark.parametrize(("threshold", "reached"), [(1e-9, 5e-4), (1e3, 4e-3)])
def test_a_resumed_schedule_goes_on_within_its_bounds(rig, base, kind, threshold, reached):
    """Above the rate that the YAML starts at as below it."""
    settings = {
        **ADAPTIVE,
        **BOUNDS,
        **base,
        "config.schedule_type": kind,
        "config.kl_threshold": threshold,
    }
    first = rig.train(settings)
    assert first.agent.last_lr == reached
    checkpoint = first.checkpoint()
    resumed = rig.train({**settings, "config.max_epochs": 6}, checkpoint)
    assert [step.epoch for step in resumed.steps] == [5] * 4 + [6] * 4
    rates = [step.rate for step in resumed.steps]
    assert rates[0] == resumed.agent.last_lr == reached
    assert all(5e-4 <= rate <= 4e-3 for rate in rates)
    # Bounds that were narrowed since hold at once.
    narrow = {**settings, "algo.min_lr": 9e-4, "algo.max_lr": 2e-3, "config.max_epochs": 5}
    again = rig.train(narrow, checkpoint)
    assert again.steps[0].rate == min(max(reached, 9e-4), 2e-3)


@pytest.mark.parametrize("threshold", [1e-9, 1e3])
def test_cppos_adaptive_rate_is_kept_too(tmp_path, threshold):
    settings = {**ADAPTIVE, "config.kl_threshold": threshold, "config.max_epochs": 1}
    rig = Rig(tmp_path, CPPO)
    first = rig.train(settings)
    assert first.agent.last_lr != 1e-3
    resumed = rig.train({**settings, "config.max_epochs": 2}, first.checkpoint())
    assert resumed.steps[0].rate == first.agent.last_lr
    assert len({first.agent.last_lr, resumed.agent.last_lr}) == 2


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
