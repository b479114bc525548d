"""rl_games' keys: which names are known, and how the numbers of a batch must fit."""

import pytest

from rlg_genpo.errors import ConfigError
from rlg_genpo.host import batch, keys

CONFIG = {"num_actors": 8, "horizon_length": 32, "minibatch_size": 128}
RNN = {"rnn": {"name": "lstm", "units": 8, "layers": 1}}


def params(network=None, **changes):
    return {"network": network or {}, "config": {**CONFIG, **changes}}


@pytest.mark.parametrize(
    ("changes", "agents", "message"),
    [
        ({"minibatch_size": 100}, 1, r"100 does not divide .* = 8 \* 32 = 256; 64 is the nearest"),
        ({"minibatch_size": 100}, 3, r"\* agents = 8 \* 32 \* 3 = 768; 96 is the nearest"),
        (
            {"central_value_config": {"minibatch_size": 100}},
            3,
            r"central_value_config\.minibatch_size: 100 does not divide .* = 8 \* 32 = 256; 64 is",
        ),
        ({"central_value_config": {}}, 1, r"central_value_config\.minibatch_size: missing"),
        ({"minibatch_size": 0}, 1, r"config\.minibatch_size: must be at least 1, got 0"),
    ],
)
def test_minibatches_divide_a_rollout(changes, agents, message):
    batch.check_batch(params(), agents)
    with pytest.raises(ConfigError, match=message):
        batch.check_batch(params(**changes), agents)


ODD = {"num_actors": 3, "horizon_length": 5, "minibatch_size": 5}


@pytest.mark.parametrize(
    ("changes", "agents", "message"),
    [
        (ODD, 1, r"seq_length: 4, rl_games' default, does not divide .* = 3 \* 5 = 15, .* Write "
         r"seq_length: 1, .*; or num_actors: 4; or horizon_length: 4 or 8\."),
        ({**ODD, "seq_length": 2}, 1, "seq_length: 2 does not divide .*num_actors: 2 or 4; or "),
        ({**ODD, "num_actors": 2}, 3, r"2 \* 5 \* 3 = 30, .*num_actors: 4; or horizon_length: 4"),
        # Four agents make the actor's rows whole sequences, and not the central critic's.
        (
            {**ODD, "minibatch_size": 15, "central_value_config": {"minibatch_size": 15}},
            4,
            r"does not divide num_actors \* horizon_length = 3 \* 5 = 15",
        ),
    ],
)  # fmt: skip
def test_a_rollout_is_whole_sequences_without_an_rnn_too(changes, agents, message):
    with pytest.raises(ConfigError, match=message):
        batch.check_batch(params(**changes), agents)
    batch.check_batch(params(**{**changes, "seq_length": 1}), agents)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"horizon_length": 30},
            "horizon_length: 30 must be a multiple of seq_length, 4, .* 28 or",
        ),
        ({"minibatch_size": 2}, "minibatch_size: 2 must be a multiple of seq_length, 4, .*; 4 is"),
        ({"minibatch_size": 100}, "minibatch_size: 100 does not divide .*; 64 is"),
    ],
)
def test_with_an_rnn_every_part_is_whole_sequences(changes, message):
    batch.check_batch(params(RNN), 1)
    with pytest.raises(ConfigError, match=message):
        batch.check_batch(params(RNN, **changes), 1)


def test_a_central_critics_own_memory_counts():
    central = {"minibatch_size": 2, "network": RNN}
    with pytest.raises(ConfigError, match=r"central_value_config\.minibatch_size: 2 must be a .*4"):
        batch.check_batch(params(central_value_config=central), 1)


def test_what_the_sentence_proposes_fits():
    for actors in range(1, 9):
        for horizon in range(1, 9):
            for length in (1, 2, 3, 4, 6):
                factors = {"num_actors": actors, "horizon_length": horizon}
                for key, value in factors.items():
                    for better in batch.around(factors, key, value, length):
                        rest = actors * horizon // value
                        assert better > 0 and better * rest % length == 0


def test_names_are_those_that_somebody_reads():
    known = keys.names(["config"])
    assert known is not None and {"seq_length", "schedule_type", "kl_threshold", "ppo"} <= known
    assert not known & {"seq_len", "max_epoch", "env_info"}
    assert keys.names(["config", "env_config"]) is None
    assert "convs" in (keys.names(["config", "central_value_config", "network", "cnn"]) or ())
