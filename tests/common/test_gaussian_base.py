"""The Gaussian that a flow stands on is rl_games' own: mu, sigma, their start and their block."""

import math

import pytest
import torch
from rl_games.algos_torch.network_builder import A2CBuilder

from rlg_genpo.common.gaussian_base import Base
from rlg_genpo.common.messages import Seen
from rlg_genpo.errors import ConfigError
from tests.networks import base_of
from tests.rig import LSTM, MLP, network_of

B, F, D = 6, 16, 2
SPACE = "params.network.space.continuous"
CONSTANT = {"name": "const_initializer", "val": -0.5}
#: every one of rl_games' that fits a matrix, and blocks that its own YAML files have
MU_INITS = [
    {"name": "default"},
    {"name": "default", "scale": 0.02},
    CONSTANT,
    {"name": "orthogonal_initializer", "gain": 0.01},
    {"name": "glorot_normal_initializer", "gain": 0.01},
    {"name": "glorot_uniform_initializer"},
    {"name": "variance_scaling_initializer", "scale": 0.02},
    {"name": "random_uniform_initializer", "a": -0.01, "b": 0.01},
    {"name": "kaiming_normal"},
    {"name": "orthogonal"},
]
SIGMA_INITS = [
    {"name": "default"},
    {"name": "const_initializer", "val": 0},
    CONSTANT,
    {"name": "random_uniform_initializer", "a": -1, "b": 0},
]
ACTIVATIONS = ["None", "tanh", "sigmoid", "elu", "relu", "selu", "swish", "gelu", "softplus"]
PLAIN = {
    "mu_activation": "None",
    "sigma_activation": "None",
    "mu_init": {"name": "default"},
    "sigma_init": CONSTANT,
    "fixed_sigma": True,
}

pytestmark = pytest.mark.usefixtures("double")


# -- the same numbers as rl_games' own network ----------------------------------------------------


def same_as_theirs(block, space, seen):
    """mu and sigma of rl_games' network and of ours with its weights, each (mean, sigma)."""
    block = {"mlp": MLP, **block, "space": {"continuous": space}}
    sizes = {"actions_num": D, "input_shape": (4,), "value_size": 1, "num_seqs": B}
    theirs = A2CBuilder.Network(block, **sizes).double()
    for name, value in theirs.named_parameters():
        if name.startswith(("mu.", "sigma")):  # away from a start at zero
            value.data += 0.5 * torch.randn_like(value)
    network = network_of("genpo", block)
    base = network.policy.base
    for part, names in ((network.trunk, None), (base, ("mu.", "sigma"))):
        state = theirs.state_dict()
        if names:
            state = {key: value for key, value in state.items() if key.startswith(names)}
        assert part.load_state_dict(state, strict=names is not None).missing_keys == []
    mu, log_sigma, _, _ = theirs(seen.for_trunk())
    ours = base(network.source(seen)).gaussian()
    return (mu, log_sigma.exp()), (ours.mean, ours.sigma)


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("mu_init", MU_INITS, ids=str)
def test_mu_and_sigma_are_rl_games_own_with_every_initialiser(mu_init, fixed):
    space = {**PLAIN, "mu_init": mu_init, "fixed_sigma": fixed}
    theirs, ours = same_as_theirs({}, space, Seen(torch.randn(B, 4)))
    torch.testing.assert_close(ours, theirs)
    assert ours[1].std(dim=0).max().item() > 0 or fixed


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mu_and_sigma_are_rl_games_own_with_every_activation(activation, fixed):
    space = {**PLAIN, "mu_activation": activation, "sigma_activation": activation}
    theirs, ours = same_as_theirs({}, {**space, "fixed_sigma": fixed}, Seen(torch.randn(B, 4)))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("block", [{"separate": True}, {"rnn": LSTM}], ids=["separate", "lstm"])
def test_they_stand_on_the_features_that_rl_games_gives_its_own(block, fixed):
    states = [torch.randn(1, B, 16), torch.randn(1, B, 16)] if "rnn" in block else None
    theirs, ours = same_as_theirs(
        block, {**PLAIN, "fixed_sigma": fixed}, Seen(torch.randn(B, 4), states)
    )
    torch.testing.assert_close(ours, theirs)


# -- where they start -----------------------------------------------------------------------------


def test_without_a_block_it_starts_as_rl_games_usual_one():
    base = base_of({}, F, D)
    assert base.mu.weight.abs().max().item() <= 1 / math.sqrt(F)
    assert (base.mu.bias == 0).all() and base.sigma.tolist() == [0, 0]
    assert sorted(name for name, _ in base.named_parameters()) == ["mu.bias", "mu.weight", "sigma"]


@pytest.mark.parametrize("gain", [0.01, 2.0])
def test_mus_weights_are_what_mu_init_says(gain):
    base = base_of({"mu_init": {"name": "orthogonal_initializer", "gain": gain}}, F, D)
    product = base.mu.weight @ base.mu.weight.T
    torch.testing.assert_close(product, gain**2 * torch.eye(D))
    assert (base.mu.bias == 0).all()


@pytest.mark.parametrize("mu_init", [None, {"name": "default"}])
def test_a_default_mu_init_leaves_the_trunks_in_force(mu_init):
    base = base_of({"mu_init": mu_init}, F, D, {"name": "orthogonal_initializer", "gain": 3.0})
    torch.testing.assert_close(base.mu.weight @ base.mu.weight.T, 9 * torch.eye(D))


def test_a_named_mu_init_overrules_the_trunks():
    base = base_of({"mu_init": CONSTANT}, F, D, {"name": "orthogonal_initializer", "gain": 3.0})
    assert (base.mu.weight == -0.5).all()


def test_the_trunks_initialiser_reaches_the_base_of_a_network():
    mlp = {**MLP, "initializer": {"name": "const_initializer", "val": 0.25}}
    base = network_of("genpo", {"mlp": mlp}).policy.base
    assert (base.mu.weight == 0.25).all() and (base.mu.bias == 0).all()


@pytest.mark.parametrize("fixed", [True, False])
def test_a_constant_sigma_init_is_every_states_log_sigma(fixed):
    base = base_of({"sigma_init": CONSTANT, "fixed_sigma": fixed}, F, D)
    log_sigma = base(torch.randn(B, F)).log_sigma
    assert log_sigma.shape == ((D,) if fixed else (B, D))
    assert (log_sigma == -0.5).all()


def test_another_sigma_init_is_of_the_weights():
    start = {"name": "orthogonal_initializer", "gain": 0.1}
    sigma = base_of({"sigma_init": start, "fixed_sigma": False}, F, D).sigma
    torch.testing.assert_close(sigma.weight @ sigma.weight.T, 0.01 * torch.eye(D))
    assert (sigma.bias == 0).all()


# -- how sigma is made of the raw one -------------------------------------------------------------

RAW = [-7.0, -1.0, 0.5, 3.0]


def softplus(raw):
    return math.log1p(math.exp(raw))


FORMULAS = {
    "exp": ({}, math.exp),
    "exp with a floor": ({"min_sigma": 0.2}, lambda raw: math.exp(raw) + 0.2),
    "clamped": ({"logstd_bounds": [-2, 1]}, lambda raw: math.exp(min(max(raw, -2), 1))),
    "clamped with a floor": (
        {"logstd_bounds": [-2, 1], "min_sigma": 0.2},
        lambda raw: math.exp(min(max(raw, -2), 1)) + 0.2,
    ),
    "softplus": ({"sigma_parametrization": "softplus"}, softplus),
    "softplus with a floor": (
        {"sigma_parametrization": "softplus", "min_sigma": 0.2},
        lambda raw: softplus(raw) + 0.2,
    ),
    "linear": (
        {"sigma_parametrization": "linear"},
        lambda raw: 1e-3 + softplus(raw - 1e-3),
    ),
    "scalar with a floor": (
        {"sigma_parametrization": "scalar", "min_sigma": 0.2},
        lambda raw: 0.2 + softplus(raw - 0.2),
    ),
    "an activation first": ({"sigma_activation": "tanh"}, lambda raw: math.exp(math.tanh(raw))),
}


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize(("space", "formula"), FORMULAS.values(), ids=FORMULAS)
def test_sigma_is_what_the_formula_makes_of_the_raw_one(space, formula, fixed):
    base = base_of({**space, "fixed_sigma": fixed}, F, len(RAW))
    raw = base.sigma if fixed else base.sigma.bias
    raw.data = torch.tensor(RAW)
    sigma = base(torch.randn(B, F)).gaussian().sigma
    expected = torch.tensor([formula(value) for value in RAW]).expand(B, -1)
    torch.testing.assert_close(sigma, expected)


def test_a_floor_holds_and_the_gradient_with_it():
    base = base_of({"min_sigma": 0.2}, F, 1)
    base.sigma.data.fill_(-50.0)
    log_sigma = base(torch.randn(B, F)).log_sigma
    log_sigma.sum().backward()
    assert log_sigma.exp().item() == pytest.approx(0.2) and base.sigma.grad.isfinite().all()


def test_an_action_is_that_many_sigmas_from_the_mean():
    base = Base(torch.tensor([[1.0, 2.0]]), torch.tensor([0.5, 3.0]).log())
    torch.testing.assert_close(base.action(torch.tensor([[2.0, -1.0]])), torch.tensor([[2.0, -1]]))
    assert base.gaussian().sigma.shape == (1, 2)


def test_it_reads_the_features_alone_which_come_first():
    base, features = base_of({"fixed_sigma": False}, F, D), torch.randn(B, F)
    wide = base(torch.cat([features, torch.randn(B, 3)], dim=-1))
    for part, expected in zip(wide, base(features), strict=True):
        torch.testing.assert_close(part, expected)


# -- a block that does not fit --------------------------------------------------------------------

NAMED = "a block with a name, such as {name: default}"
BAD = [
    ({"mu_innit": {}}, f"{SPACE}.mu_innit: unknown key, did you mean 'mu_init'? Known keys: "),
    ({"fixed_sigma": "yes"}, f"{SPACE}.fixed_sigma: must be true or false, got 'yes'."),
    ({"min_sigma": -0.1}, f"{SPACE}.min_sigma: must be at least 0, got -0.1."),
    ({"min_sigma": "small"}, f"{SPACE}.min_sigma: must be a number, got 'small'."),
    ({"logstd_bounds": [1, -1]}, f"{SPACE}.logstd_bounds: must be [low, high], got [1.0, -1.0]."),
    ({"logstd_bounds": [1]}, f"{SPACE}.logstd_bounds: must be [low, high], got [1.0]."),
    ({"logstd_bounds": -2}, f"{SPACE}.logstd_bounds: must be a list, got -2."),
    ({"mu_init": "default"}, f"{SPACE}.mu_init: must be a block of keys, got 'default'."),
    ({"mu_init": {"val": 0}}, f"{SPACE}.mu_init: must be {NAMED}, got {{'val': 0}}."),
    ({"sigma_init": 0}, f"{SPACE}.sigma_init: must be a block of keys, got 0."),
    (
        {"mu_activation": None},
        f"{SPACE}.mu_activation: must be a word, got None, as the key is left",
    ),
    (
        {"sigma_parametrization": "log"},
        f"{SPACE}.sigma_parametrization: must be one of exp, softplus, linear, scalar, got log.",
    ),
    (0.3, f"{SPACE}: must be a block of keys, got 0.3."),
]


@pytest.mark.parametrize("policy", ["genpo", "cppo"])
@pytest.mark.parametrize(("space", "message"), BAD, ids=[str(space) for space, _ in BAD])
def test_a_bad_block_is_refused_with_its_key_and_value(policy, space, message):
    with pytest.raises(ConfigError) as error:
        network_of(policy, {"space": {"continuous": space}})
    assert str(error.value).startswith(message)


UNKNOWN = [
    ({"mu_activation": "softpluss"}, r"mu_activation: .*softplus"),
    ({"sigma_activation": "softpluss"}, r"sigma_activation: .*softplus"),
    ({"mu_init": {"name": "orthogonl"}}, r"mu_init.*orthogonal"),
    ({"sigma_init": {"name": "const_initialiser"}}, r"sigma_init.*const_initializer"),
]


@pytest.mark.parametrize("policy", ["genpo", "cppo"])
@pytest.mark.parametrize(("space", "message"), UNKNOWN, ids=[str(space) for space, _ in UNKNOWN])
def test_a_name_that_rl_games_does_not_know_is_refused_with_the_nearest(policy, space, message):
    with pytest.raises(ConfigError, match=rf"params\.network\.space\.continuous\.{message}"):
        network_of(policy, {"space": {"continuous": space}})


UNFIT = [
    ({"mu_init": {"name": "orthogonal_initializer", "gian": 2}}, r"mu_init: .*torch says: .*gian"),
    ({"mu_init": {"name": ["default"]}}, r"mu_init: .*rl_games says: .*unhashable"),
    ({"sigma_init": {"name": "orthogonal_initializer"}}, r"sigma_init: .*torch says: .*dimension"),
    ({"mu_init": {"name": "const_initializer", "val": "x"}}, r"mu_init: .*torch says: "),
]


@pytest.mark.parametrize(("space", "message"), UNFIT, ids=[str(space) for space, _ in UNFIT])
def test_what_rl_games_or_torch_cannot_do_is_refused_with_their_words(space, message):
    with pytest.raises(ConfigError, match=rf"params\.network\.space\.continuous\.{message}"):
        network_of("genpo", {"space": {"continuous": space}})
