"""Training improves the return: the point mass, against the untrained policy."""

import pytest

from tests.rig import CPPO, LSTM, STANDARD, play

pytestmark = pytest.mark.slow

LONG = {
    "config.num_actors": 64,
    "config.horizon_length": 16,
    "config.minibatch_size": 256,
    "config.mini_epochs": 4,
    "config.learning_rate": 3e-3,
    "config.max_epochs": 25,
    # An untrained base stands still.
    "network.space.continuous": {"mu_init": {"name": "const_initializer", "val": 0}},
}


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"network.flow.condition": "observation"},
        {"network.separate": True},
        {"config.lr_schedule": "adaptive"},
        STANDARD,
        CPPO,
        {**CPPO, **STANDARD},
    ],
    ids=["features", "observation", "separate", "adaptive", "standard", "cppo", "cppo_standard"],
)
def test_a_trained_policy_costs_less_than_a_third_of_an_untrained_one(rig, overrides):
    settings = {**LONG, **overrides}
    checkpoint = rig.train(settings).checkpoint()
    for deterministic in (True, False):
        untrained = play(rig.player(settings), 64, deterministic)
        # Standing still costs E|position - goal|^2 = 4/3 a step.
        assert untrained == pytest.approx(-4 / 3, abs=0.2)
        assert play(rig.player(settings, checkpoint), 64, deterministic) > untrained / 3


def test_a_recurrent_policy_remembers_the_goal_that_showed_once(rig):
    settings = {**LONG, "config.max_epochs": 40, "config.env_config.observation": "memory"}
    cost = {}
    for trunk, overrides in (("lstm", {"network.rnn": LSTM, "config.seq_length": 8}), ("mlp", {})):
        settings_here = {**settings, **overrides}
        checkpoint = rig.train({**settings_here, "config.name": trunk}).checkpoint()
        cost[trunk] = -play(rig.player(settings_here, checkpoint), 64, True)
    assert cost["lstm"] < 0.6 * cost["mlp"]
