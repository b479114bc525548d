"""The network's face towards rl_games: how it is built, and what ``--sigma`` of a script sets."""

import math

import pytest
import torch
from rl_games.torch_runner import _override_sigma

from rlg_genpo.common.messages import Seen
from rlg_genpo.common.model import GenerativeModel, build_model
from rlg_genpo.errors import ConfigError
from tests.ddpl import teams
from tests.rig import CPPO, STANDARD, network_of

#: (overrides, name of the parameter below the policy) of everything with a sigma to set
SIGMAS = {
    "genpo": ({}, "base.sigma"),
    "genpo_observation": ({"network.flow.condition": "observation"}, "base.sigma"),
    "cppo": (CPPO, "base.sigma"),
    "cppo_standard": ({**CPPO, **STANDARD}, "log_sigma"),
}


@pytest.mark.parametrize("sigma", [0.0, -1.5])
@pytest.mark.parametrize(("policy", "name"), SIGMAS.values(), ids=SIGMAS)
def test_rl_games_sigma_argument_sets_the_log_sigma(rig, policy, name, sigma):
    agent = rig.agent(policy)
    _override_sigma(agent, {"sigma": sigma})
    log_sigma = agent.model.a2c_network.sigma
    assert torch.equal(log_sigma, torch.full((agent.actions_num,), sigma))
    # It is trained on from there, under the name that it has in a checkpoint.
    assert log_sigma.requires_grad
    names = [name for name, value in agent.model.named_parameters() if value is log_sigma]
    assert names == [f"a2c_network.policy.{name}"]


@pytest.mark.parametrize("policy", [{}, CPPO], ids=["genpo", "cppo"])
def test_rl_games_sigma_argument_is_what_the_policy_acts_with(rig, policy):
    agent = rig.agent(policy)
    _override_sigma(agent, {"sigma": -2.0})
    policy = agent.policy
    with torch.no_grad():
        source = agent.model.eval().source(Seen(torch.zeros(1, 4))).expand(4_000, -1)
        actions = policy.to_env(policy.act(policy.condition(source)).stored)
    # 4,000 draws tell a standard deviation to 1.1 % of itself.
    expected = torch.full((2,), math.exp(-2.0))
    torch.testing.assert_close(actions.std(dim=0), expected, rtol=0.055, atol=0)


def test_rl_games_sigma_argument_leaves_a_sigma_of_the_state_alone(rig, capsys):
    agent = rig.agent({"network.space.continuous": {"fixed_sigma": False}})
    assert not agent.model.a2c_network.fixed_sigma
    before = agent.policy.base.sigma.weight.clone()
    _override_sigma(agent, {"sigma": -2.0})
    assert torch.equal(agent.policy.base.sigma.weight, before)
    assert "fixed_sigma is False" in capsys.readouterr().out


def test_rl_games_sigma_argument_finds_nothing_in_genpo_without_base(rig):
    agent = rig.agent(STANDARD)
    before = [value.clone() for value in agent.model.parameters()]
    _override_sigma(agent, {"sigma": 0.0})
    network = agent.model.a2c_network
    assert not hasattr(network, "sigma") and not network.fixed_sigma
    pairs = zip(before, agent.model.parameters(), strict=True)
    assert all(torch.equal(was, value) for was, value in pairs)


SPREADS = {
    "genpo": ({}, None),
    "genpo_standard": (STANDARD, "params.network.flow (base, mix, output_scale)"),
    "cppo": (CPPO, None),
    "cppo_standard": ({**CPPO, **STANDARD}, None),
    "ddpl": (teams.overrides(), "params.network.diffusion.spread"),
}


@pytest.mark.parametrize(("policy", "spread"), SPREADS.values(), ids=SPREADS.keys())
def test_the_warning_is_for_a_policy_without_sigma_and_names_what_it_has(
    rig, caplog, policy, spread
):
    rig.runner({**policy, "config.max_epochs": 1}).run_train({"train": True, "sigma": -1.0})
    assert ("sigma: -1.0 is ignored" in caplog.text) == (spread is not None)
    assert spread is None or f"Its spread at the start comes from {spread}." in caplog.text


def test_a_network_of_another_kind_is_refused_by_its_builders_name(rig):
    with pytest.raises(ConfigError) as error:
        GenerativeModel(object()).receive(rig.parsed())
    assert str(error.value) == (
        "params.network.name: object builds no policy for this algorithm; subclass the builder of "
        "its own network."
    )


@pytest.mark.parametrize("policy", [{}, CPPO], ids=["genpo", "cppo"])
def test_a_model_by_itself_is_the_agents(rig, policy):
    agent, params = rig.agent(policy), rig.settings(policy)["params"]
    model = build_model(params, rig.parsed(policy), (4,), 2)
    model.load_state_dict(agent.model.state_dict())


@pytest.mark.parametrize("policy", ["genpo", "cppo"])
def test_on_the_observation_the_flow_sees_that_and_the_base_the_trunks_features(policy):
    flow = {"condition": "observation", "units": [16], "output_scale": 1.0}
    network = network_of(policy, {"flow": flow})
    policy = network.policy
    obs = torch.randn(3, 4)
    source = network.source(Seen(obs))
    features, _, _ = network.trunk({"obs": obs})
    assert torch.equal(source, torch.cat([features, obs], dim=-1))
    velocity = policy.velocity if hasattr(policy, "velocity") else policy.flow
    assert (policy.base.feature_dim, velocity.condition_dim) == (16, 4)
    torch.testing.assert_close(velocity.condition(source).state, velocity.condition(obs).state)
    torch.testing.assert_close(policy.base(source).mean, policy.base(features).mean)
    # so that PPO teaches the trunk by the base
    policy.base(source).mean.sum().backward()
    assert all(p.grad is not None for p in network.trunk.actor_mlp.parameters())


@pytest.mark.parametrize(("base", "separate"), [("gaussian", True), ("standard", False)])
@pytest.mark.parametrize("policy", ["genpo", "cppo"])
def test_on_the_observation_a_base_keeps_the_trunk_separate(policy, base, separate):
    """Without one the trunk is the critic's alone, so that there is nothing to be separate from."""
    flow = {"condition": "observation", "base": base}
    network = network_of(policy, {"flow": flow, "separate": True})
    assert network.is_separate_critic() == separate
