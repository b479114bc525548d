"""A trained Gaussian of rl_games' becomes a policy that acts, values and trains on as it."""

import math

import pytest
import torch

from rlg_genpo.common import warm_start
from rlg_genpo.common.messages import Act, Play, Seen
from rlg_genpo.errors import CheckpointError
from tests.rig import ABSENT, CENTRAL_VALUE, CNN, CPPO, LSTM, MLP, ON_FEATURES, STANDARD

SPACE = {
    "mu_activation": "None",
    "sigma_activation": "None",
    "mu_init": {"name": "default"},
    "sigma_init": {"name": "const_initializer", "val": -0.5},
    "fixed_sigma": True,
}
#: of the Gaussian's YAML and of the new one's
COMMON = {"network.space": {"continuous": SPACE}, "config.learning_rate": 1e-2}
#: overrides that put rl_games' own Gaussian in GenPO's place
GAUSSIAN = {
    "algo": {"name": "a2c_continuous"},
    "model.name": "continuous_a2c_logstd",
    "network.name": "actor_critic",
    "network.flow": ABSENT,
}
MEMORY = {"config.env_config.observation": "memory"}
TRUNKS = {
    "mlp": {},
    "separate": {"network.separate": True},
    "d2rl": {"network.mlp": {**MLP, "d2rl": True}},
    "lstm": {**MEMORY, "network.rnn": LSTM},
    "gru_separate": {
        **MEMORY,
        "network.rnn": {**LSTM, "name": "gru", "before_mlp": True},
        "network.separate": True,
    },
    "cnn": {"config.env_config.observation": "image", "network.cnn": CNN},
    "central_value": {
        "config.env_config.states": True,
        "config.central_value_config": CENTRAL_VALUE,
    },
    "sigma_of_the_state": {"network.space": {"continuous": {**SPACE, "fixed_sigma": False}}},
    "not_normalised": {"config.normalize_input": False, "config.normalize_value": False},
    "activated": {
        "network.space": {
            "continuous": {**SPACE, "mu_activation": "tanh", "sigma_activation": "tanh"}
        }
    },
}
#: where the observation comes in by the MLP or by the RNN, shared or not
RECURRENT = {
    **{name: TRUNKS[name] for name in ("lstm", "gru_separate")},
    "lstm_before_mlp": {**MEMORY, "network.rnn": {**LSTM, "before_mlp": True}},
    "lstm_after_mlp_separate": {**TRUNKS["lstm"], "network.separate": True},
}
POLICIES = {"genpo": {}, "cppo": {**CPPO, **ON_FEATURES}}
each_policy = pytest.mark.parametrize("policy", POLICIES)
each_trunk = pytest.mark.parametrize("trunk", TRUNKS)


@pytest.fixture
def gaussian(rig):
    """Trains rl_games' Gaussian, by default for an epoch."""

    def of(overrides):
        return rig.train({**COMMON, "config.max_epochs": 1, **overrides, **GAUSSIAN})

    return of


def converted(rig, run, overrides, path="warm.pth"):
    """The file of the new policy's checkpoint, for the YAML of the overrides."""
    overrides = {**COMMON, **overrides}
    params = rig.settings(overrides)["params"]
    weights = torch.load(run.checkpoint(), weights_only=False)
    state = warm_start.convert(weights, params, params["algo"]["name"], rig.parsed(overrides))
    torch.save(state, rig.folder / path)
    return str(rig.folder / path)


def seen_by(agent, rows=5):
    """Observations as the environment's, and a recurrent trunk's states."""
    shape = agent.observation_space.shape
    low, high = (0, 255) if len(shape) == 3 else (-1, 1)
    obs = low + (high - low) * torch.rand(rows, *shape)
    if not agent.is_rnn:
        return obs, None
    states = agent.model.get_default_rnn_state()
    return obs, [torch.randn(state.shape[0], rows, state.shape[2]) for state in states]


def theirs_of(agent, obs, states):
    """What rl_games' own model answers: mu, sigma, value and states."""
    inputs = {"is_train": False, "prev_actions": None, "obs": obs.clone(), "rnn_states": states}
    with torch.no_grad():
        found = agent.model.eval()(inputs)
    return found["mus"], found["sigmas"], found["values"], found["rnn_states"]


def ours_of(agent, obs, states):
    """What ours answers: deterministic action, the base's sigma, value and states."""
    model, seen = agent.model.eval(), Seen(obs, states)
    with torch.no_grad():
        played = model(Play(seen, True, None))
        sigma = model.policy.base(model.source(seen)).gaussian().sigma
    return played.action, sigma, played.values, played.rnn_states


@each_trunk
@each_policy
def test_deterministic_action_sigma_and_value_are_the_gaussians(rig, gaussian, policy, trunk):
    overrides = TRUNKS[trunk]
    run = gaussian(overrides)
    agent = rig.agent({**COMMON, **overrides, **POLICIES[policy]})
    agent.restore(converted(rig, run, {**overrides, **POLICIES[policy]}))
    inputs = seen_by(agent)
    theirs, ours = theirs_of(run.agent, *inputs), ours_of(agent, *inputs)
    torch.testing.assert_close(ours[:3], theirs[:3], atol=1e-6, rtol=1e-6)
    if inputs[1] is not None:
        torch.testing.assert_close(tuple(ours[3]), tuple(theirs[3]), atol=1e-6, rtol=1e-6)
    # The Gaussian has learned: nothing above is a start's.
    assert run.unmoved() == []
    if trunk == "central_value":
        central = run.agent.central_value_net.state_dict()
        here = agent.central_value_net.state_dict()
        assert all(torch.equal(value, here[name]) for name, value in central.items())


@each_policy
def test_sampled_actions_have_the_gaussians_mu_and_sigma(rig, gaussian, policy):
    run, count = gaussian({}), 20_000
    agent = rig.agent({**COMMON, **POLICIES[policy]})
    agent.restore(converted(rig, run, POLICIES[policy]))
    obs = torch.rand(1, 4).expand(count, -1)
    mean, sigma, _, _ = theirs_of(run.agent, obs[:1], None)
    with torch.no_grad():
        stored = agent.model.eval()(Act(Seen(obs))).acted.stored
    action, near = agent.policy.to_env(stored), 5 / math.sqrt(count)
    assert ((action.mean(dim=0) - mean[0]) / sigma[0]).abs().max().item() < near
    assert (action.std(dim=0) / sigma[0] - 1).abs().max().item() < near / math.sqrt(2)


@each_policy
@each_trunk
def test_adams_moments_land_on_the_tensors_that_they_are_of(rig, gaussian, policy, trunk):
    overrides = TRUNKS[trunk]
    run = gaussian(overrides)
    agent = rig.agent({**COMMON, **overrides, **POLICIES[policy]})
    agent.restore(converted(rig, run, {**overrides, **POLICIES[policy]}))
    theirs = {
        warm_start.renamed(name): run.agent.optimizer.state[parameter]
        for name, parameter in run.agent.model.named_parameters()
    }
    for name, parameter in agent.model.named_parameters():
        state = agent.optimizer.state.get(parameter, {})
        expected = theirs.pop(name, {})
        assert state.keys() == expected.keys(), name
        for key, value in expected.items():
            assert torch.equal(value, state[key]), (name, key)
    assert theirs == {}


def test_moments_that_are_not_the_networks_are_left_out(rig, gaussian):
    """As of an optimiser that had more to train: which moments are whose cannot be told."""
    run = gaussian({})
    weights = torch.load(run.checkpoint(), weights_only=False)
    weights["optimizer"]["param_groups"][0]["params"].append(99)
    params = rig.settings(COMMON)["params"]
    state = warm_start.convert(weights, params, "genpo", rig.parsed(COMMON))
    assert state["optimizer"]["state"] == {}
    torch.save(state, rig.folder / "warm.pth")
    assert rig.train(COMMON, str(rig.folder / "warm.pth")).unmoved() == []


@each_policy
def test_an_adaptive_rate_goes_on_from_where_it_was(rig, gaussian, policy):
    falling = {
        "config.lr_schedule": "adaptive",
        "config.kl_threshold": 1e-9,
        "config.max_epochs": 2,
    }
    run, overrides = gaussian(falling), {**falling, **POLICIES[policy]}
    agent = rig.agent({**COMMON, **overrides})
    agent.restore(converted(rig, run, overrides))
    assert agent.last_lr == agent.optimizer.param_groups[0]["lr"] == run.agent.last_lr < 1e-2


@each_policy
@pytest.mark.parametrize("trunk", ["mlp", "lstm", "central_value"])
def test_a_new_run_trains_on_from_it(rig, gaussian, policy, trunk):
    """Its first ratio is 1, it starts counting at 0, and everything learns."""
    overrides = {**TRUNKS[trunk], **POLICIES[policy]}
    checkpoint = converted(rig, gaussian(TRUNKS[trunk]), overrides)
    run = rig.train({**COMMON, **overrides, "config.max_epochs": 2}, checkpoint)
    assert [step.epoch for step in run.steps] == [1] * 4 + [2] * 4
    assert run.agent.frame == 2 * 8 * 16
    for log_ratio in run.first_log_ratios():
        assert log_ratio.abs().max().item() < 1e-5
    assert run.unmoved() == []


def test_what_the_conversion_was_given_is_left_as_it_was(rig, gaussian):
    run = gaussian({})
    weights = torch.load(run.checkpoint(), weights_only=False)
    before = torch.load(run.checkpoint(), weights_only=False)
    params = rig.settings(COMMON)["params"]
    warm_start.convert(weights, params, "genpo", rig.parsed(COMMON))
    assert weights.keys() == before.keys() and weights["epoch"] == before["epoch"]
    for part in ("model", "optimizer"):
        assert str(weights[part]) == str(before[part])


# -- what is refused ------------------------------------------------------------------------------

WIDER = {"network.mlp": {**MLP, "units": [16, 17]}}
OF_THE_STATE = {"network.space": {"continuous": {**SPACE, "fixed_sigma": False}}}
#: the Gaussian's overrides, the new YAML's, and how the message begins
REFUSED = {
    "another width": (
        {},
        WIDER,
        "The Gaussian's a2c_network.trunk.actor_mlp.2.weight has shape (16, 16), the new policy's "
        "(17, 16). Check params.network against the Gaussian's YAML.",
    ),
    "a wider Gaussian": (
        WIDER,
        {},
        "The Gaussian's a2c_network.trunk.actor_mlp.2.weight has shape (17, 16), the new policy's "
        "(16, 16). ",
    ),
    "a missing normaliser": (
        {"config.normalize_input": False},
        {},
        "The checkpoint lacks running_mean_std.",
    ),
    "a normaliser too many": (
        {},
        {"config.normalize_input": False},
        "The Gaussian's running_mean_std.",
    ),
    "a missing critic": (
        {},
        {"network.separate": True},
        "The checkpoint lacks a2c_network.trunk.critic_mlp.",
    ),
    "a critic too many": (
        {"network.separate": True},
        {},
        "The Gaussian's a2c_network.trunk.critic_mlp.",
    ),
    "another kind of sigma": (
        OF_THE_STATE,
        {},
        "The Gaussian's a2c_network.policy.base.sigma.",
    ),
}


@pytest.mark.parametrize(("there", "here", "message"), REFUSED.values(), ids=REFUSED)
def test_a_gaussian_that_does_not_fit_is_refused_by_name(rig, gaussian, there, here, message):
    run = gaussian(there)
    with pytest.raises(CheckpointError) as error:
        converted(rig, run, here)
    assert str(error.value).startswith(message)


@each_policy
def test_a_checkpoint_of_no_gaussian_is_refused(rig, policy):
    run = rig.train({**POLICIES[policy], "config.max_epochs": 1})
    with pytest.raises(CheckpointError) as error:
        converted(rig, run, {})
    assert str(error.value) == (
        "The checkpoint holds no Gaussian of rl_games' continuous PPO: it has no "
        "a2c_network.mu.weight. Only such a policy can be turned into another."
    )


def test_an_observation_of_unknown_shape_is_refused(rig, gaussian):
    overrides = {**TRUNKS["cnn"], "config.normalize_input": False}
    run = gaussian(overrides)
    with pytest.raises(CheckpointError, match=r"running_mean_std .*normalize_input: True"):
        converted(rig, run, overrides)


@pytest.mark.parametrize(
    "trunk", ["lstm", "gru_separate", "lstm_before_mlp", "lstm_after_mlp_separate"]
)
def test_a_recurrent_trunk_does_without_a_normaliser(rig, gaussian, trunk):
    """Its first layer, which tells the observation's width, is the MLP's or the RNN's."""
    overrides = {**RECURRENT[trunk], "config.normalize_input": False}
    run = gaussian(overrides)
    agent = rig.agent({**COMMON, **overrides})
    agent.restore(converted(rig, run, overrides))
    inputs = seen_by(agent)
    theirs, ours = theirs_of(run.agent, *inputs), ours_of(agent, *inputs)
    torch.testing.assert_close(ours[:3], theirs[:3], atol=1e-6, rtol=1e-6)


#: settings with which the new policy would not start as the Gaussian, and what is said of them
MOVED = {
    "genpo": ({"network.flow.output_scale": 1.0}, "params.network.flow.output_scale: 1"),
    "genpo_standard": (STANDARD, "params.network.flow.base: standard"),
    "cppo": (
        {**POLICIES["cppo"], "network.flow.output_scale": 0.01},
        "params.network.flow.output_scale: 0.01",
    ),
    "cppo_residual": (
        {**POLICIES["cppo"], "network.residual": {"output_scale": 1.0}},
        "params.network.residual.output_scale: 1",
    ),
    "cppo_standard": ({**POLICIES["cppo"], **STANDARD}, "params.network.flow.base: standard"),
}


@pytest.mark.parametrize(("moved", "said"), MOVED.values(), ids=MOVED)
def test_a_policy_that_would_not_start_as_the_gaussian_is_refused_by_its_key(
    rig, gaussian, moved, said
):
    run = gaussian({})
    with pytest.raises(CheckpointError) as error:
        converted(rig, run, moved)
    assert str(error.value) == f"{said}: such a policy does not start as a Gaussian."


def test_a_compiled_runs_names_are_read(rig, gaussian):
    run = gaussian({})
    weights = torch.load(run.checkpoint(), weights_only=False)
    plain = converted(rig, run, {}, "plain.pth")
    weights["model"] = {f"_orig_mod.{name}": value for name, value in weights["model"].items()}
    params = rig.settings(COMMON)["params"]
    again = warm_start.convert(weights, params, "genpo", rig.parsed(COMMON))["model"]
    expected = torch.load(plain, weights_only=False)["model"]
    kept = [name for name in expected if ".velocity." not in name]
    assert all(torch.equal(again[name], expected[name]) for name in kept)
