"""The network's face towards rl_games: how it is built, and what ``--sigma`` of a script sets."""

import pytest
import torch
from rl_games.torch_runner import _override_sigma

from rlg_genpo.common.model import GenerativeModel, build_model
from rlg_genpo.errors import ConfigError
from tests.ddpl import teams
from tests.rig import CPPO


@pytest.mark.parametrize("sigma", [0.0, -1.5])
def test_rl_games_sigma_argument_sets_the_kernels_log_sigma(rig, sigma):
    agent = rig.agent(CPPO)
    _override_sigma(agent, {"sigma": sigma})
    log_sigma = agent.policy.log_sigma
    assert torch.equal(log_sigma, torch.full((agent.actions_num,), sigma))
    # It is trained on from there, under the name that it has in a checkpoint.
    assert log_sigma.requires_grad
    names = [name for name, value in agent.model.named_parameters() if value is log_sigma]
    assert names == ["a2c_network.policy.log_sigma"]


def test_rl_games_sigma_argument_finds_nothing_in_genpo(rig):
    agent = rig.agent()
    before = [value.clone() for value in agent.model.parameters()]
    _override_sigma(agent, {"sigma": 0.0})
    network = agent.model.a2c_network
    assert not hasattr(network, "sigma") and not network.fixed_sigma
    pairs = zip(before, agent.model.parameters(), strict=True)
    assert all(torch.equal(was, value) for was, value in pairs)


SPREADS = {
    "genpo": ({}, "params.network.flow (mix, output_scale)"),
    "cppo": (CPPO, None),
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
