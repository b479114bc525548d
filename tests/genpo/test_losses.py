"""GenPO's losses on a Gaussian base are as strong as rl_games' own on its Gaussian."""

import pytest
import torch
from rl_games.algos_torch.models import ModelA2CContinuousLogStd
from rl_games.algos_torch.network_builder import A2CBuilder

from rlg_genpo.common.messages import Evaluate, Minibatch, Seen
from tests.rig import MLP, STANDARD, gradients

SIGMA = {
    "fixed": {},
    "of_the_state": {
        "network.space.continuous": {
            "fixed_sigma": False,
            "sigma_init": {"name": "random_uniform_initializer", "a": -0.5, "b": 0.5},
        }
    },
}
each_sigma = pytest.mark.parametrize("space", SIGMA.values(), ids=SIGMA)


def difference(agent, attribute, value):
    """What a coefficient adds to each gradient of the policy."""
    without = gradients(agent)
    setattr(agent, attribute, value)
    return {name: grad - without[name] for name, grad in gradients(agent).items()}


def rl_games_gaussian(agent, fixed):
    """rl_games' own Gaussian model with the weights of an agent's trunk and base."""
    block = {
        "mu_activation": "None",
        "sigma_activation": "None",
        "mu_init": {"name": "default"},
        "sigma_init": {"name": "const_initializer", "val": 0},
        "fixed_sigma": fixed,
    }
    builder = A2CBuilder()
    builder.load({"mlp": MLP, "space": {"continuous": block}})
    sizes = {"actions_num": 2, "input_shape": (4,), "value_size": 1, "num_seqs": 1}
    flags = {"normalize_value": True, "normalize_input": True}
    theirs = ModelA2CContinuousLogStd(builder).build({**sizes, **flags})
    state = agent.model.state_dict()
    here = {
        name.replace("trunk.", "").replace("policy.base.", ""): value
        for name, value in state.items()
    }
    theirs.load_state_dict({name: here[name] for name in theirs.state_dict()})
    return theirs.eval()


@each_sigma
def test_the_entropy_pulls_on_sigma_exactly_as_rl_games_gaussian_does(rig, space):
    agent = rig.rolled(space, moved="base")
    found = difference(agent, "entropy_coef", 0.01)
    theirs = rl_games_gaussian(agent, not space)
    batch = agent.dataset[0]
    inputs = {"is_train": True, "obs": batch["obs"], "prev_actions": batch["actions"][:, :2]}
    (-0.01 * theirs(inputs)["entropy"].mean()).backward()
    expected = {
        f"base.{name}": parameter.grad
        for name, parameter in theirs.a2c_network.named_parameters()
        if name.startswith("sigma")
    }
    assert expected and all(grad.abs().min() > 0 for grad in expected.values())
    for name, grad in found.items():
        if name in expected:
            torch.testing.assert_close(grad, expected[name], rtol=1e-3, atol=1e-6)
        else:
            torch.testing.assert_close(grad, torch.zeros_like(grad), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["bound", "regularisation"])
def test_the_bounds_loss_is_rl_games_own_on_mu(rig, kind):
    wide = {"mu_init": {"name": "random_uniform_initializer", "a": -3, "b": 3}}
    agent = rig.rolled({"config.bound_loss_type": kind, "network.space.continuous": wide})
    found = difference(agent, "bounds_loss_coef", 0.5)
    mean = agent.policy.base(agent.model.source(Seen(agent.dataset[0]["obs"]))).mean
    own = (agent.bound_loss(mean) if kind == "bound" else agent.reg_loss(mean)).mean()
    assert own.item() > 1e-3
    assert agent.train_result[8].item() == pytest.approx(own.item(), rel=1e-5)
    weights = list(agent.policy.base.mu.parameters())
    slopes = torch.autograd.grad(0.5 * own, weights)
    for name, slope in zip(("base.mu.weight", "base.mu.bias"), slopes, strict=True):
        torch.testing.assert_close(found[name], slope, rtol=1e-3, atol=1e-5)
    others = [grad for name, grad in found.items() if not name.startswith("base.mu")]
    assert max(grad.abs().max().item() for grad in others) < 1e-5


@pytest.mark.parametrize("base", [{}, STANDARD], ids=["gaussian", "standard"])
def test_the_cross_entropy_is_the_mean_neglogp_of_stored_actions(rig, base):
    """The released code's term: it raises the mean -log pi_new, on either base."""
    agents = []
    for coefficient in (0.0, 0.3):
        torch.manual_seed(3)
        settings = {**base, "algo.cross_entropy_coef": coefficient}
        agents.append(rig.rolled(settings, moved="velocity"))
    without, found = (gradients(agent) for agent in agents)
    agent, batch = agents[0], agents[0].dataset[0]
    neglogp = agent.model(Evaluate(Seen(batch["obs"]), batch["actions"], 0)).density.neglogp
    weights = dict(agent.policy.named_parameters())
    slopes = torch.autograd.grad(-0.3 * neglogp.mean(), list(weights.values()))
    for name, slope in zip(weights, slopes, strict=True):
        torch.testing.assert_close(found[name] - without[name], slope, rtol=1e-3, atol=1e-5)
    assert max(slope.abs().max().item() for slope in slopes) > 1e-3


@pytest.mark.parametrize(
    ("overrides", "count"),
    [
        ({}, 0),
        ({"config.bounds_loss_coef": 0.1}, 0),
        ({"algo.compression_coef": 0.01}, 8),
        (STANDARD, 0),
        ({**STANDARD, "config.bounds_loss_coef": 0.1}, 8),
        ({"algo.compression_coef": 0.01, "algo.compression_fraction": 1.0}, 64),
    ],
)
def test_fresh_samples_are_drawn_where_a_loss_is_of_them(rig, overrides, count):
    agent = rig.rolled(overrides)
    stored = agent.dataset[0]["actions"]
    blank = dict.fromkeys(Minibatch.__dataclass_fields__)
    assert agent.fresh_samples(Minibatch(**{**blank, "stored": stored})) == count
