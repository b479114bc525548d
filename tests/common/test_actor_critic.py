"""The network's face towards rl_games: the log sigma that ``--sigma`` of a script sets."""

import pytest
import torch
from rl_games.torch_runner import _override_sigma

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


@pytest.mark.parametrize(("head", "said"), [({}, True), (CPPO, False)], ids=["genpo", "cppo"])
def test_the_warning_is_for_a_policy_without_sigma(rig, caplog, head, said):
    run = {"train": True, "sigma": -1.0}
    rig.runner({**head, "config.max_epochs": 1}).run_train(run)
    assert ("sigma: -1.0 is ignored" in caplog.text) == said
