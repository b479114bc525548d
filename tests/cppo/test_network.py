"""From a network block to CPPO's actor and critic; and the hooks for a user's own parts."""

import functools
import math

import pytest
import torch

from rlg_genpo.common.messages import Seen
from rlg_genpo.cppo.network import CPPOBuilder
from rlg_genpo.errors import ConfigError
from tests.rig import CNN, LSTM, network_of

B = 5
FEATURES = {"condition": "features"}


build = functools.partial(network_of, "cppo")


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("condition", ["features", "observation"])
@pytest.mark.parametrize("base", ["gaussian", "standard"])
def test_flow_and_kernel_see_what_condition_says(base, condition, separate):
    network = build({"flow": {"condition": condition, "base": base}, "separate": separate})
    obs = torch.randn(B, 4)
    source, value, states = network(Seen(obs))
    features, expected, _ = network.trunk({"obs": obs})
    # A base always stands on the features, which then come first.
    parts = [features] if (base, condition) != ("standard", "observation") else []
    parts += [obs] if condition == "observation" else []
    assert torch.equal(source, torch.cat(parts, dim=-1))
    assert torch.equal(value, expected) and states is None
    assert network.policy.act(network.policy.condition(source)).stored.shape == (B, 4)


def test_without_base_the_trunk_is_the_critics_alone():
    network = build({"separate": True, "flow": {"base": "standard"}})
    obs = torch.randn(B, 4)
    source, value, _ = network(Seen(obs))
    assert torch.equal(source, obs)
    value.sum().backward()
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


def test_the_blocks_reach_the_policy():
    flow = {
        "base": "standard",
        "steps": 7,
        "units": [12, 6],
        "activation": "relu",
        "time_embedding": 6,
        "time_units": [5],
        "output_scale": 0.5,
        "noise_scale": 0.3,
    }
    residual = {"units": [9, 7], "activation": "tanh", "sigma": 0.2, "output_scale": 1.0}
    policy = build({"flow": flow, "residual": residual}).policy
    for velocity in (policy.flow, policy.reference):
        assert len(velocity.times) == 7
        assert velocity.from_time.weight.shape == (12, 6)
        assert velocity.time.mlp[0].weight.shape == (5, 6)
        assert velocity.rest[1].weight.shape == (6, 12)
        assert isinstance(velocity.rest[0], torch.nn.ReLU)
        assert (velocity.rest[-1].weight != 0).all()
    assert policy.residual.from_condition.weight.shape == (9, 4)
    assert policy.residual.rest[1].weight.shape == (7, 9)
    assert isinstance(policy.residual.rest[0], torch.nn.Tanh)
    assert (policy.residual.rest[-1].weight != 0).all()
    assert policy.log_sigma.tolist() == pytest.approx([math.log(0.2)] * 2)
    assert (policy.noise_scale, policy.stored_dim) == (0.3, 4)


def test_the_contraction_and_the_space_reach_the_policy_on_a_base():
    space = {"continuous": {"fixed_sigma": False}}
    policy = build({"space": space}, algo={"contraction": 0.2}).policy
    assert policy.contraction == 0.2
    assert policy.log_spread.item() == pytest.approx(math.log(0.6))  # 0.2 * 1.8 = 0.6^2
    assert isinstance(policy.raw_sigma, torch.nn.Linear)
    assert not hasattr(policy, "log_sigma")


def test_without_blocks_it_starts_as_documented():
    network = build({})
    policy = network.policy
    assert (len(policy.flow.times), policy.noise_scale, policy.contraction) == (8, 1.0, 0.5)
    assert policy.base is not None and policy.base.sigma.tolist() == [0, 0]
    source, action = network.source(Seen(torch.randn(B, 4))), torch.randn(B, 2)
    assert (policy.residual(source, action) == 0).all()
    assert torch.equal(policy.sample_flow(policy.flow, source, action), action)


def test_the_papers_kernel_starts_as_documented():
    policy = build({"flow": {"base": "standard"}}).policy
    assert policy.contraction == 0
    assert policy.log_sigma.exp().tolist() == pytest.approx([0.5, 0.5])


def test_rl_games_questions_reach_the_trunk():
    network = build({"rnn": LSTM, "separate": True, "flow": FEATURES})
    assert network.is_rnn() and network.is_separate_critic()
    assert len(network.get_default_rnn_state()) == 4
    assert network.get_value_layer() is network.trunk.value
    assert network.get_aux_loss() is None


PARTS = ["make_trunk", "make_base", "make_velocity", "make_residual", "make_policy"]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_may_be_a_users_own(part):
    made = []

    def keep(self, *args, **kwargs):
        made.append(getattr(CPPOBuilder, part)(self, *args, **kwargs))
        return made[0]

    mine = type("Mine", (CPPOBuilder,), {part: keep})
    modules = set(build({}, builder=mine()).modules())
    assert len(made) == 1 and made[0] in modules


@pytest.mark.parametrize(
    ("block", "shape"),
    [({}, (4,)), ({"cnn": CNN}, (8, 8, 1)), ({"cnn": CNN}, {"eye": (8, 8, 1), "goal": (2,)})],
)
def test_observations_of_every_kind(block, shape):
    network = build({**block, "flow": FEATURES}, shape)
    obs = (
        {key: torch.randn(1, *part) for key, part in shape.items()}
        if isinstance(shape, dict)
        else torch.randn(1, *shape)
    )
    source, value, _ = network(Seen(obs))
    assert source.shape == (1, 16) and value.shape == (1, 1)
    assert network.policy.deterministic_action(source).shape == (1, 4)
