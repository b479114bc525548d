"""From a network block to an actor and critic; and the hooks for a user's own parts."""

import functools

import pytest
import torch

from rlg_genpo.common.messages import Seen
from rlg_genpo.errors import ConfigError
from rlg_genpo.genpo.network import GenPOBuilder
from tests.rig import CNN, LSTM, network_of

B = 5


build = functools.partial(network_of, "genpo")


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("condition", ["features", "observation"])
@pytest.mark.parametrize("base", ["gaussian", "standard"])
def test_the_policy_sees_what_condition_says(base, condition, separate):
    network = build({"flow": {"condition": condition, "base": base}, "separate": separate})
    obs = torch.randn(B, 4)
    source, value, states = network(Seen(obs))
    assert torch.equal(network.source(Seen(obs)), source)
    features, expected, _ = network.trunk({"obs": obs})
    # A base always stands on the features, which then come first.
    parts = [features] if (base, condition) != ("standard", "observation") else []
    parts += [obs] if condition == "observation" else []
    assert torch.equal(source, torch.cat(parts, dim=-1))
    assert torch.equal(value, expected) and states is None
    network.policy.condition(source)  # the widths agree


def test_on_the_observation_and_without_base_the_trunk_is_the_critics_alone():
    flow = {"condition": "observation", "base": "standard"}
    network = build({"flow": flow, "separate": True})
    network(Seen(torch.randn(B, 4)))[1].sum().backward()
    assert all(parameter.grad is not None for parameter in network.trunk.parameters())
    assert not network.is_separate_critic()


@pytest.mark.parametrize("shape", [(8, 8, 1), {"speed": (3,)}])
def test_on_the_observation_only_a_vector_will_do(shape):
    with pytest.raises(ConfigError) as error:
        build({"flow": {"condition": "observation"}}, shape)
    assert str(error.value) == (
        "params.network.flow.condition: 'observation' needs a flat observation vector, got shape "
        f"{shape}; use condition: features."
    )


def test_the_flow_block_reaches_the_policy():
    flow = {
        "steps": 7,
        "mix": 0.8,
        "units": [12, 6],
        "activation": "relu",
        "time_embedding": 6,
        "time_units": [5],
        "output_scale": 0.0,
    }
    policy = build({"flow": flow}).policy
    velocity = policy.velocity
    assert (*policy.coupling, policy.stored_dim) == (7, 0.8, 4)
    assert velocity.from_time.weight.shape == (12, 6)
    assert velocity.time.mlp[0].weight.shape == (5, 6)
    assert velocity.rest[1].weight.shape == (6, 12)
    assert isinstance(velocity.rest[0], torch.nn.ReLU)
    assert (velocity.rest[-1].weight == 0).all()


def test_rl_games_questions_reach_the_trunk():
    network = build({"rnn": LSTM, "separate": True})
    assert network.is_rnn() and network.is_separate_critic()
    assert len(network.get_default_rnn_state()) == 4
    assert network.get_value_layer() is network.trunk.value
    assert network.get_aux_loss() is None


@pytest.mark.parametrize("part", ["make_trunk", "make_base", "make_velocity", "make_policy"])
def test_each_part_may_be_a_users_own(part):
    made = []

    def keep(self, *args, **kwargs):
        made.append(getattr(GenPOBuilder, part)(self, *args, **kwargs))
        return made[0]

    mine = type("Mine", (GenPOBuilder,), {part: keep})
    modules = set(build({}, builder=mine()).modules())
    assert len(made) == 1 and made[0] in modules


@pytest.mark.parametrize(
    ("block", "shape"),
    [({}, (4,)), ({"cnn": CNN}, (8, 8, 1)), ({"cnn": CNN}, {"eye": (8, 8, 1), "goal": (2,)})],
)
def test_observations_of_every_kind(block, shape):
    network = build(block, shape)
    obs = (
        {key: torch.randn(1, *part) for key, part in shape.items()}
        if isinstance(shape, dict)
        else torch.randn(1, *shape)
    )
    source, value, _ = network(Seen(obs))
    # The features, and behind them a flat observation, which is what the flow sees by default.
    assert source.shape == (1, 16 + (4 if shape == (4,) else 0)) and value.shape == (1, 1)
    assert network.on_observation == (shape == (4,))


@pytest.mark.parametrize("block", [{"rnn": LSTM}, {"rnn": LSTM, "separate": True}])
def test_by_default_the_flow_stands_on_a_memory(block):
    network = build(block)
    assert network.on_features and not network.on_observation
