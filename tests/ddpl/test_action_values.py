"""A_i knows the whole state and its own agent's action, and no other agent's."""

import pytest
import torch

from tests.networks import action_values_of

B, K = 5, 4
EVEN, RAGGED = ([3, 3, 3], [2, 2, 2]), ([4, 2, 3], [1, 3, 2])

pytestmark = pytest.mark.usefixtures("double")
sizes_of = pytest.mark.parametrize(
    ("obs", "act", "shared"),
    [(*EVEN, False), (*RAGGED, False), (*EVEN, True)],
    ids=["even", "ragged", "shared"],
)


def values_of(obs, act, shared=False):
    net = action_values_of(obs, act, [16, 8], "silu", shared)
    for parameter in net.parameters():
        parameter.data.normal_()
    return net


def inputs(obs, act):
    real = torch.arange(max(act)) < torch.tensor(act).unsqueeze(-1)
    return torch.randn(B, sum(obs)), torch.randn(3, B, K, max(act)) * real[:, None, None]


@sizes_of
def test_it_starts_at_zero(obs, act, shared):
    net = action_values_of(obs, act, [16, 8], "silu", shared)
    found = net(*inputs(obs, act))
    assert found.shape == (3, B, K) and (found == 0).all()


@sizes_of
def test_an_agents_value_knows_the_state_and_its_own_action_alone(obs, act, shared):
    net = values_of(obs, act, shared)
    source, action = (part.requires_grad_() for part in inputs(obs, act))
    found = net(source, action)
    for agent in range(3):
        for row in range(B):
            of_state, of_action = torch.autograd.grad(
                found[agent, row].sum(), (source, action), retain_graph=True
            )
            assert (of_state[row] != 0).all()
            own = torch.zeros_like(of_action, dtype=torch.bool)
            own[agent, row, :, : act[agent]] = True
            # What stands in the filling is zero wherever actions come from.
            own[agent, row, :, act[agent] :] = of_action[agent, row, :, act[agent] :] != 0
            assert torch.equal(of_action != 0, own)
            others = [row_ for row_ in range(B) if row_ != row]
            assert (of_state[others] == 0).all()


@sizes_of
def test_each_proposal_is_judged_by_itself(obs, act, shared):
    net = values_of(obs, act, shared)
    source, action = inputs(obs, act)
    found = net(source, action)
    for k in range(K):
        torch.testing.assert_close(found[:, :, k], net(source, action[:, :, k : k + 1])[..., 0])


@sizes_of
def test_a_view_begins_with_the_agents_own_observation_and_goes_round(obs, act, shared):
    net, flat, given = action_values_of(obs, act, [16], "silu", shared), torch.randn(sum(obs)), []
    net.weights.register_forward_pre_hook(lambda _, inputs: given.extend(inputs))
    net(flat.unsqueeze(0), torch.zeros(3, 1, K, max(act)))
    own, views = flat.split(obs), given[0].reshape(3, -1)
    for agent in range(3):
        expected = torch.cat([own[(agent + i) % 3] for i in range(3)])
        assert torch.equal(views[agent], expected)


def test_agents_with_shared_weights_are_told_apart_by_their_views_alone():
    net = values_of(*EVEN, shared=True)
    source, action = inputs(*EVEN)
    action = action[:1].expand(3, -1, -1, -1)
    found = net(source, action)
    assert (found[0] - found[1]).abs().min() > 1e-6
    turned = net(source.roll(-3, dims=1), action)  # everybody in the next one's place
    torch.testing.assert_close(turned, found.roll(-1, dims=0))
    alone = action_values_of([9], [2], [16, 8], "silu")
    count = sum(parameter.numel() for parameter in alone.parameters())
    assert sum(parameter.numel() for parameter in net.parameters()) == count


@pytest.mark.parametrize(("obs", "act"), [EVEN, RAGGED], ids=["even", "ragged"])
def test_an_agents_value_teaches_its_own_parameters_alone(obs, act):
    net = values_of(obs, act)
    found = net(*inputs(obs, act))
    for agent in range(3):
        loss = found[agent].square().sum()
        for gradient in torch.autograd.grad(loss, list(net.parameters()), retain_graph=True):
            taught = gradient.flatten(1).abs().amax(dim=1) > 0
            assert torch.equal(taught, torch.arange(3) == agent)
