"""Spaces that no policy can work on are named, whoever makes the environments."""

import numpy as np
import pytest
from gymnasium import spaces
from rl_games.common import env_configurations, vecenv
from rl_games.common.ivecenv import IVecEnv

from rlg_genpo.errors import ConfigError
from rlg_genpo.host.spaces import check
from tests.rig import CPPO, MLP

NAME = "odd_spaces"


def box(*shape):
    return spaces.Box(-1.0, 1.0, shape, np.float32)


GOOD = {"observation_space": box(3), "action_space": box(2)}
ACTIONS = {
    "Discrete": spaces.Discrete(3),
    "MultiDiscrete": spaces.MultiDiscrete([2, 2]),
    "MultiBinary": spaces.MultiBinary(2),
    "a number": box(),
    "a matrix": box(2, 3),
    "empty": box(0),
    "Dict": spaces.Dict({"a": box(1)}),
    "Tuple": spaces.Tuple((box(1), box(1))),
}
OBSERVATIONS = {
    "Discrete": spaces.Discrete(3),
    "a number": box(),
    "empty": box(0),
    "empty image": box(8, 0, 3),
    "Tuple": spaces.Tuple((box(1), box(1))),
    "empty Dict": spaces.Dict({}),
    "a number in a Dict": spaces.Dict({"a": box(2), "t": box()}),
    "Discrete in a Dict": spaces.Dict({"a": box(2), "t": spaces.Discrete(2)}),
    "nested Dict": spaces.Dict({"b": spaces.Dict({"c": box(2)})}),
    "a dot in a name": spaces.Dict({"arm.joints": box(2)}),
    "torch's own name": spaces.Dict({"type": box(2)}),
}
ODD = [{**GOOD, "action_space": space} for space in ACTIONS.values()]
ODD += [{**GOOD, "observation_space": space} for space in OBSERVATIONS.values()]
IDS = [f"{name} action" for name in ACTIONS] + list(OBSERVATIONS)

POLICIES = {
    "genpo": {},
    "cppo": CPPO,
    "ddpl": {
        "algo.name": "ddpl",
        "model.name": "ddpl",
        "network": {
            "name": "ddpl_actor_critic",
            "mlp": MLP,
            "agents": [{"name": "a", "obs": 3, "act": 2}],
        },
        "config.minibatch_size": 32,
    },
}


class Odd(IVecEnv):
    """Environments that nobody ever steps."""

    def __init__(self, info):
        self.info = info

    def get_env_info(self):
        return {**self.info, "state_space": None, "agents": 1}


@pytest.fixture
def agent_on(rig, monkeypatch):
    """Make an agent of a policy on environments with these spaces, as Isaac Lab's scripts do."""

    def of(policy, info):
        monkeypatch.setitem(vecenv.vecenv_config, NAME, lambda *_, **__: Odd(info))
        monkeypatch.setitem(env_configurations.configurations, NAME, {"vecenv_type": NAME})
        return rig.agent({**POLICIES[policy], "config.env_name": NAME})

    return of


@pytest.mark.parametrize("info", ODD, ids=IDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_an_odd_space_is_named_before_an_agent_is_built(agent_on, policy, info):
    odd = next(info[name] for name in info if info[name] is not GOOD[name])
    with pytest.raises(
        ConfigError, match=r"params\.config\.env_name: the environment has"
    ) as error:
        agent_on(policy, info)
    said = str(error.value)
    parts = odd.spaces.values() if isinstance(odd, spaces.Dict) else ()
    named = any(repr(name) in said for name in odd) if isinstance(odd, spaces.Dict) else False
    assert str(odd) in said or named or any(str(part) in said for part in parts)


@pytest.mark.parametrize("policy", POLICIES)
def test_plain_spaces_are_taken(agent_on, policy):
    agent = agent_on(policy, GOOD)
    assert agent.env_info["action_space"].shape == (2,)
    assert isinstance(agent.vec_env, Odd)


def test_ddpl_names_a_dictionary_that_it_cannot_slice(agent_on):
    with pytest.raises(ConfigError, match=r"slices need a flat .* is Dict\('a': Box"):
        agent_on("ddpl", {**GOOD, "observation_space": spaces.Dict({"a": box(2)})})


@pytest.mark.parametrize(
    "space", [box(3), box(8, 8, 3), spaces.Dict({"a": box(2), "b": box(8, 8, 1)})]
)
def test_what_a_network_takes_passes(space):
    check({**GOOD, "observation_space": space})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"config.num_actors": 3, "config.horizon_length": 5, "config.minibatch_size": 15},
         "seq_length: 4, rl_games' default, does not divide num_actors .* = 3 .* 5 = 15"),
        ({"config.minibatch_size": 48}, "48 does not divide .* = 128; 32 is the nearest"),
        ({"network.rnn": {"name": "gru", "units": 8, "layers": 1}, "config.seq_length": 16},
         "horizon_length: 8 must be a multiple of seq_length, 16"),
        ({"network.mlp.activation": "mush"}, "network.mlp.activation: must be one of relu"),
        ({"config.clip_value": "False"}, "config.clip_value: must be true or false, got 'False'"),
        ({"config.seq_len": 4}, "config.seq_len: unknown key, did you mean 'seq_length'"),
        ({"config.max_frames": None}, "config.max_frames: must be a number, got None"),
        ({"config.env_config": None}, "config.env_config: must be a block of keys, got None"),
        ({"config.reward_shaper": {"scale": 1}}, "scale: unknown key, did you mean 'scale_value'"),
        ({"config.name": "${x}"}, "refers to a value that stands elsewhere"),
        ({"network.mlp.initializer": {"name": "orthogonal_initializer", "gain": "much"}},
         "network.mlp.initializer.gain: must be a number, got 'much'"),
        ({"network.mlp.units": [2**62]}, "network: rl_games cannot build this network"),
    ],
)  # fmt: skip
def test_inside_isaac_lab_the_same_is_said(rig, config, message):
    # There nobody calls `rlg-genpo`: a Runner is loaded and run, as its scripts do.
    with pytest.raises(ConfigError, match=message):
        rig.runner(config).run({"train": True, "play": False})


@pytest.mark.parametrize(
    "key", ["entropy_coef", "critic_coef", "e_clip", "gamma", "bounds_loss_coef"]
)
def test_a_word_that_says_a_number_is_one(rig, key):
    agent = rig.agent({f"config.{key}": "1e-1", "config.reward_shaper": {"scale_value": "1e-2"}})
    assert agent.config[key] == 0.1
    assert agent.rewards_shaper.scale_value == 0.01
