"""Each denoiser knows its own agent alone; the shared parts are the plain network's."""

import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian

from rlg_genpo.ddpl import diffusion
from rlg_genpo.ddpl.config import DiffusionConfig
from rlg_genpo.ddpl.networks import Condition, Denoisers, Slices
from tests.ddpl import teams

B, K, T = 5, 4, 6
SPREAD = 0.4

#: O_i and D_i: even, ragged, one agent alone
SIZES = [([3, 3], [2, 2]), ([4, 2, 3], [1, 3, 2]), ([3], [2])]

pytestmark = pytest.mark.usefixtures("double")
sizes_of = pytest.mark.parametrize(("obs", "act"), SIZES, ids=["even", "ragged", "alone"])


def denoisers_of(obs, act, scale=1.0, shared=False, spread=SPREAD):
    config = DiffusionConfig(
        steps=T,
        units=(16, 8),
        time_embedding=4,
        time_units=(6,),
        output_scale=scale,
        spread=spread,
        shared_weights=shared,
    )
    # Its tables are single precision by choice; here everything is double.
    return Denoisers(obs, act, config).double()


def inputs(obs, act, *rows):
    """Observations (n, B, O), noisy actions (n, B, *rows, D), zero in the filling."""
    seen = Slices(obs).split(torch.randn(B, sum(obs)))
    real = Slices(act).real.double().reshape(len(act), 1, *[1] * len(rows), -1)
    return seen, torch.randn(len(act), B, *rows, max(act)) * real


@sizes_of
def test_it_is_a_plain_mlp_on_observation_action_and_time_added_to_a_normals_noise(obs, act):
    net = denoisers_of(obs, act)
    seen, noisy = inputs(obs, act)
    condition = net.condition(seen)
    for agent, (wide, narrow) in enumerate(zip(obs, act, strict=True)):
        parts = [
            net.from_state.weight[agent, :wide],
            net.from_action.weight[agent, :narrow],
            net.from_time.weight[agent],
        ]
        first = nn.Linear(wide + narrow + 4, 16)
        with torch.no_grad():
            first.weight.copy_(torch.cat(parts).T)
            first.bias.copy_(net.from_state.bias[agent, 0])
        for index in range(T):
            time = net.time(net.features[index].expand(len(obs), 1, -1))[agent].expand(B, -1)
            own = noisy[agent, :, :narrow]
            hidden = first(torch.cat([seen[agent, :, :wide], own, time], dim=-1))
            rows = hidden.expand(len(obs), -1, -1)  # the other layers are team_mlp's own test
            share = net.alpha_bar[index]
            # E[eps | a_t] of a normal law, as cov / var
            normal = (1 - share).sqrt() * own / (share * SPREAD**2 + 1 - share)
            expected = normal + net.rest(rows)[agent, :, :narrow]
            found = net(condition, noisy, index)[agent]
            torch.testing.assert_close(found[:, :narrow], expected)
            assert (found[:, narrow:] == 0).all()


@sizes_of
def test_an_agents_prediction_knows_its_own_observation_alone(obs, act):
    """Through the flat vector, so that the slices' boundaries are tried as well."""
    net, slices = denoisers_of(obs, act), Slices(obs)
    _, noisy = inputs(obs, act)

    def predict(flat):
        return net(net.condition(slices.split(flat)), noisy, 2)

    slopes = jacobian(predict, torch.randn(B, sum(obs)))  # (n, B, D, B, S)
    for agent, size in enumerate(act):
        for row in range(B):
            own = slopes[agent, row, :size]
            mask = torch.zeros(B, sum(obs), dtype=torch.bool)
            mask[row, teams.span(obs, agent)] = True
            assert (own[:, mask] != 0).all()
            assert (own[:, ~mask] == 0).all()


@sizes_of
def test_an_agents_prediction_knows_its_own_action_alone(obs, act):
    net = denoisers_of(obs, act)
    seen, noisy = inputs(obs, act)
    noisy.requires_grad_()
    found = net(net.condition(seen), noisy, 2)
    for agent in range(len(act)):
        (slope,) = torch.autograd.grad(found[agent].sum(), noisy, retain_graph=True)
        assert (slope[agent, :, : act[agent]] != 0).all()
        assert all((slope[other] == 0).all() for other in range(len(act)) if other != agent)


@sizes_of
def test_what_stands_in_an_actions_filling_is_not_read(obs, act):
    net, real = denoisers_of(obs, act), Slices(act).real.double()
    seen, noisy = inputs(obs, act)
    condition = net.condition(seen)
    filled = noisy + 3 * (1 - real)
    assert torch.equal(net(condition, filled, 2), net(condition, noisy, 2))


@sizes_of
def test_an_agents_prediction_teaches_its_own_parameters_alone(obs, act):
    net = denoisers_of(obs, act)
    seen, noisy = inputs(obs, act, K)
    levels = torch.arange(len(act) * B * K).reshape(len(act), B, K) % T
    found = net.at_levels(net.condition(seen), noisy, levels)
    for agent in range(len(act)):
        parameters = list(net.parameters())
        loss = found[agent].square().sum()
        for gradient in torch.autograd.grad(loss, parameters, retain_graph=True):
            taught = gradient.flatten(1).abs().amax(dim=1) > 0
            assert torch.equal(taught, torch.arange(len(act)) == agent)


@sizes_of
@pytest.mark.parametrize("shared", [False, True])
def test_all_at_one_level_is_at_levels_of_that_one(obs, act, shared):
    if shared:
        obs, act = [obs[0]] * len(obs), [act[0]] * len(act)
    net = denoisers_of(obs, act, shared=shared)
    seen, noisy = inputs(obs, act, K)
    condition = net.condition(seen)
    for index in range(T):
        levels = torch.full((len(act), B, K), index)
        torch.testing.assert_close(
            net.at_levels(condition, noisy, levels), net(condition, noisy, index)
        )


@sizes_of
def test_each_action_may_be_at_its_own_level(obs, act):
    net = denoisers_of(obs, act)
    seen, noisy = inputs(obs, act, K)
    condition, levels = net.condition(seen), torch.randint(T, (len(act), B, K))
    found = net.at_levels(condition, noisy, levels)
    for index in range(T):
        here = levels == index
        torch.testing.assert_close(found[here], net(condition, noisy, index)[here])


@sizes_of
@pytest.mark.parametrize("shared", [False, True])
def test_draws_at_a_state_share_the_states_part(obs, act, shared):
    """K actions at B states are B K rows at repeated states."""
    if shared:
        obs, act = [obs[0]] * len(obs), [act[0]] * len(act)
    net = denoisers_of(obs, act, shared=shared)
    seen, noisy = inputs(obs, act, K)
    found = net(net.condition(seen), noisy, 3)
    repeated = net.condition(seen.repeat_interleave(K, dim=1))
    torch.testing.assert_close(found.flatten(1, 2), net(repeated, noisy.flatten(1, 2), 3))


def test_several_agents_may_have_one_set_of_weights():
    one, three = denoisers_of([3], [2]), denoisers_of([3] * 3, [2] * 3, shared=True)
    assert sum(p.numel() for p in one.parameters()) == sum(p.numel() for p in three.parameters())
    three.load_state_dict(one.state_dict())
    seen, noisy = inputs([3] * 3, [2] * 3)
    found = three(three.condition(seen), noisy, 1)
    for agent in range(3):
        rows = slice(agent, agent + 1)
        torch.testing.assert_close(found[rows], one(one.condition(seen[rows]), noisy[rows], 1))
    alike = three.condition(seen[:1].expand(3, -1, -1))
    same = three(alike, noisy[:1].expand(3, -1, -1), 1)
    torch.testing.assert_close(same, same[:1].expand(3, -1, -1))


def test_the_state_is_seen_once_whatever_is_drawn():
    net = denoisers_of([3, 3], [2, 2])
    seen, _ = inputs([3, 3], [2, 2])
    condition = net.condition(seen)
    assert isinstance(condition, Condition)
    assert (condition.state.shape, condition.time.shape) == ((2, B, 16), (2, T, 16))


def test_untrained_it_is_the_denoiser_of_the_starting_normal():
    net = denoisers_of([3, 3], [2, 2], scale=0.0)
    seen, noisy = inputs([3, 3], [2, 2])
    for index in range(T):
        expected = diffusion.normal_noise(noisy, net.alpha_bar[index], SPREAD)
        assert torch.equal(net(net.condition(seen), noisy, index), expected)


@sizes_of
def test_every_parameter_is_taught_but_those_that_the_filling_meets(obs, act):
    net = denoisers_of(obs, act)
    seen, noisy = inputs(obs, act, K)
    levels = torch.arange(len(act) * B * K).reshape(len(act), B, K) % T
    net.at_levels(net.condition(seen), noisy, levels).square().sum().backward()
    for agent, (wide, narrow) in enumerate(zip(obs, act, strict=True)):
        for layer, width in ((net.from_state, wide), (net.from_action, narrow)):
            taught = layer.weight.grad[agent].abs().amax(dim=1) > 0
            assert torch.equal(taught, torch.arange(len(taught)) < width)
    assert all(p.grad.abs().max() > 0 for p in net.time.parameters())
