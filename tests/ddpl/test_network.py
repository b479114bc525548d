"""From a network block to DDPL's agents and critics; and the hooks for a user's own parts."""

import pytest
import torch

from rlg_genpo.common.messages import Seen
from rlg_genpo.ddpl.network import DDPLBuilder
from rlg_genpo.ddpl.networks import ActionValues, Denoisers
from rlg_genpo.errors import ConfigError
from tests.rig import network_of

B = 5
AGENTS = [{"name": "left", "obs": 3, "act": 1}, {"name": "right", "obs": 1, "act": 2}]
ALIKE = [{"name": "left", "obs": 2, "act": 2}, {"name": "right", "obs": 2, "act": 2}]


def build(block, shape=(4,), actions=3, builder=None):
    return network_of("ddpl", {"agents": AGENTS, **block}, shape, actions, builder)


def refused(block, **kwargs):
    with pytest.raises(ConfigError) as error:
        build(block, **kwargs)
    return str(error.value)


@pytest.mark.parametrize("separate", [False, True])
def test_the_policies_see_the_observation_and_the_trunk_is_the_critics_alone(separate):
    network = build({"separate": separate})
    obs = torch.randn(B, 4)
    source, value, states = network(Seen(obs))
    assert torch.equal(source, obs) and states is None
    assert torch.equal(value, network.trunk({"obs": obs})[1])
    value.sum().backward()
    assert all(parameter.grad is not None for parameter in network.trunk.parameters())
    assert all(parameter.grad is None for parameter in network.policy.parameters())
    assert network.policy.act(network.policy.condition(source)).stored.shape == (B, 3)
    assert not network.is_separate_critic() and not network.is_rnn()


def test_the_slices_are_the_agents_in_their_order():
    policy = build({}).policy
    assert policy.observations.sizes == (3, 1) and policy.actions.sizes == (1, 2)
    assert policy.stored_dim == 3


def test_the_blocks_reach_the_policy():
    diffusion = {
        "steps": 7,
        "sampling_steps": 3,
        "variance": "posterior",
        "units": [12, 6],
        "activation": "relu",
        "time_embedding": 6,
        "time_units": [5],
        "output_scale": 0.5,
        "spread": 0.3,
    }
    policy = build({"diffusion": diffusion, "action_value": {"units": [9], "activation": "tanh"}})
    policy = policy.policy
    denoisers = policy.denoisers
    assert denoisers.alpha_bar.shape == (7,) and policy.alpha_bar.shape == (3,)
    assert (policy.variance, denoisers.config.spread, denoisers.shared) == ("posterior", 0.3, False)
    assert denoisers.from_time.weight.shape == (2, 6, 12)
    assert denoisers.time[0].weight.shape == (2, 6, 5)
    assert denoisers.rest[1].weight.shape == (2, 12, 6)
    assert isinstance(denoisers.rest[0], torch.nn.ReLU)
    # uniform up to 0.5 / sqrt(6)
    assert 0.1 < denoisers.rest[-1].weight.abs().max().item() <= 0.5 / 6**0.5
    assert any(isinstance(part, torch.nn.Tanh) for part in policy.action_values.modules())
    assert any(9 in parameter.shape for parameter in policy.action_values.parameters())


def test_without_blocks_it_starts_as_documented():
    policy = build({}).policy
    denoisers = policy.denoisers
    assert denoisers.alpha_bar.shape == policy.alpha_bar.shape == (20,)
    assert (policy.variance, denoisers.config.spread, denoisers.shared) == ("beta", 0.6, False)
    assert denoisers.rest[-1].weight.abs().max().item() <= 0.01 / 64**0.5
    values = policy.action_values(torch.randn(B, 4), torch.randn(2, B, 8, 2))
    assert values.shape == (2, B, 8) and (values == 0).all()


def test_shared_weights_are_one_agents():
    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    apart = build({"agents": ALIKE}, actions=4).policy
    shared = build({"agents": ALIKE, "diffusion": {"shared_weights": True}}, actions=4).policy
    assert 2 * count(shared.denoisers) == count(apart.denoisers)
    assert 2 * count(shared.action_values) == count(apart.action_values)


def test_shared_weights_need_agents_alike():
    assert refused({"diffusion": {"shared_weights": True}}) == (
        "params.network.diffusion.shared_weights: the agents differ in size (left 3 to 1, right 1 "
        "to 2); set it to False."
    )


@pytest.mark.parametrize(
    ("part", "made_of"), [("make_denoisers", Denoisers), ("make_action_values", ActionValues)]
)
def test_each_part_may_be_a_users_own(part, made_of):
    made = []

    def keep(self, *args, **kwargs):
        made.append(getattr(DDPLBuilder, part)(self, *args, **kwargs))
        return made[0]

    mine = type("Mine", (DDPLBuilder,), {part: keep})
    modules = set(build({}, builder=mine()).modules())
    assert len(made) == 1 and made[0] in modules and isinstance(made[0], made_of)
