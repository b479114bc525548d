"""rl_games' keys: what is refused, what is let through, and which names are known."""

import pytest

from rlg_genpo.errors import ConfigError
from rlg_genpo.host import keys

CONFIG = {
    "name": "a",
    "env_name": "b",
    "num_actors": 8,
    "horizon_length": 32,
    "mini_epochs": 2,
    "minibatch_size": 128,
    "learning_rate": "3e-4",
    "lr_schedule": "constant",
    "gamma": 0.99,
    "tau": 0.95,
    "e_clip": 0.2,
    "clip_value": 1,
    "critic_coef": 1,
    "entropy_coef": 0,
    "grad_norm": 1,
    "normalize_advantage": True,
    "normalize_input": True,
    "reward_shaper": {},
    "a_key_that_nobody_knows": 3,
}


def params(**changes):
    return {"network": {}, "config": {**CONFIG, **changes}}


def test_what_rl_games_takes_is_let_through():
    found = keys.parse_config(params(lr_schedule="fixed", max_epochs=-1)["config"], gaussian=False)
    assert (found.learning_rate, found.max_epochs) == (3e-4, -1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_actors": 0}, r"config\.num_actors: must be at least 1, got 0\."),
        ({"mini_epochs": True}, r"config\.mini_epochs: must be a whole number, got True\."),
        ({"max_epochs": 0}, r"config\.max_epochs: must be -1 or at least 1, got 0\."),
        ({"gamma": "high"}, r"config\.gamma: must be a number, got 'high'\."),
        ({"truncate_grads": 1}, r"config\.truncate_grads: must be true or false, got 1\."),
        ({"reward_shaper": 3}, r"config\.reward_shaper: must be a block such as"),
        ({"minibatch_size": 0}, r"config\.minibatch_size: must be at least 1, got 0\."),
    ],
)
def test_what_rl_games_would_trip_over_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        keys.parse_config(params(**changes)["config"], gaussian=False)


@pytest.mark.parametrize("key", [key for key in CONFIG if not key.startswith("a_key")])
def test_each_of_these_keys_is_needed(key):
    config = {name: value for name, value in CONFIG.items() if name != key}
    with pytest.raises(ConfigError, match=rf"params\.config\.{key}: missing"):
        keys.parse_config(config, gaussian=False)


def test_rl_games_own_algorithm_needs_more():
    with pytest.raises(ConfigError, match="bounds_loss_coef: missing"):
        keys.parse_config(CONFIG, gaussian=True)
    config = {**CONFIG, "bounds_loss_coef": 0, "lr_schedule": "adaptive"}
    with pytest.raises(ConfigError, match="kl_threshold: missing"):
        keys.parse_config(config, gaussian=True)
    keys.parse_config({**config, "kl_threshold": 0.01}, gaussian=True)


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
    ],
)
def test_minibatches_divide_a_rollout(changes, agents, message):
    keys.check_batch(params(), agents)
    with pytest.raises(ConfigError, match=message):
        keys.check_batch(params(**changes), agents)


def test_names_are_those_declared_and_those_that_nobody_checks():
    known = keys.names(["config"])
    assert known is not None and {"seq_length", "schedule_type", "kl_threshold", "ppo"} <= known
    assert set(CONFIG) - known == {"a_key_that_nobody_knows"}
    assert keys.names(["config", "env_config"]) is None
