"""Save and resume; and what a checkpoint that does not fit is told."""

import pytest
import torch
from rl_games.algos_torch import torch_ext

from rlg_genpo import CheckpointError, DivergedError, __version__
from tests.rig import CENTRAL_VALUE, CPPO, LSTM, ON_FEATURES

FALLING = {"config.lr_schedule": "adaptive", "config.kl_threshold": 1e-9, "config.max_epochs": 3}

TRUNKS = {
    "mlp": {},
    "lstm": {"network.rnn": LSTM, "network.separate": True},
    "standard": {"network.flow.base": "standard"},
    "state_dependent_sigma": {"network.space.continuous": {"fixed_sigma": False}},
    "dict": {"config.env_config.observation": "dict"},
    "central_value": {
        "config.env_config.states": True,
        "config.central_value_config": CENTRAL_VALUE,
    },
    "cppo": {**CPPO, "config.lr_schedule": "linear"},
    "cppo_lstm": {**CPPO, **ON_FEATURES, "network.rnn": LSTM, "config.lr_schedule": "linear"},
}


def flat(state):
    """A nested state as {path: leaf}."""
    if not isinstance(state, (dict, list)):
        return {(): state}
    items = state.items() if isinstance(state, dict) else enumerate(state)
    return {(key, *path): leaf for key, part in items for path, leaf in flat(part).items()}


def learned(agent):
    """Weights, normalisers and everything that every Adam has accumulated."""
    parts = [agent.model, agent.optimizer]
    if agent.has_central_value:
        parts += [agent.central_value_net, agent.central_value_net.optimizer]
    return [*(part.state_dict() for part in parts), agent.extra_state()]


@pytest.mark.slow
@pytest.mark.parametrize("trunk", TRUNKS.values(), ids=TRUNKS.keys())
def test_resume_continues_where_the_run_ended(rig, trunk):
    settings = {**FALLING, **trunk}
    run = rig.train(settings)
    agent = rig.agent(settings)
    agent.restore(run.checkpoint())
    assert agent.last_lr == run.agent.last_lr < 1e-3
    assert agent.optimizer.param_groups[0]["lr"] == agent.last_lr
    assert (agent.epoch_num, agent.frame) == (3, 3 * 8 * 16)
    there, here = flat(learned(run.agent)), flat(learned(agent))
    assert there.keys() == here.keys()
    for path, leaf in there.items():
        same = torch.equal(leaf, here[path]) if torch.is_tensor(leaf) else leaf == here[path]
        assert same, path


def test_resume_trains_on_at_the_rate_that_was_reached(rig):
    first = rig.train(FALLING)
    resumed = rig.train({**FALLING, "config.max_epochs": 5}, first.checkpoint())
    assert [step.epoch for step in resumed.steps] == [4] * 4 + [5] * 4
    assert resumed.steps[0].rate == first.agent.last_lr
    assert resumed.agent.frame == 5 * 8 * 16


def test_resume_keeps_the_entropy_coefficient(rig):
    scheduled = {
        "config.lr_schedule": "linear",
        "config.schedule_entropy": True,
        "config.entropy_coef": 0.01,
    }
    run = rig.train(scheduled)
    agent = rig.agent(scheduled)
    agent.restore(run.checkpoint())
    assert agent.entropy_coef == run.agent.entropy_coef < 0.01


@pytest.fixture
def saved(rig):
    """A checkpoint of an untrained agent, and the function that writes it back changed."""
    agent = rig.agent()
    path = str(rig.folder / "checkpoint")
    agent.save(path)

    def change(edit):
        weights = torch_ext.load_checkpoint(path + ".pth")
        edit(weights)
        torch.save(weights, path + ".pth")
        return path + ".pth"

    return change


REFUSED = {
    "gaussian": (
        lambda weights: weights.pop("rlg_genpo"),
        {},
        "The checkpoint holds no rlg_genpo policy (a Gaussian one of rl_games, perhaps), but "
        "params.algo.name is genpo. Load it with the YAML that it was trained with.",
    ),
    "another head": (
        lambda weights: weights["rlg_genpo"].update(policy="cppo"),
        {},
        "The checkpoint holds a cppo policy, but params.algo.name is genpo. Load it with the YAML "
        "that it was trained with.",
    ),
    "another version": (
        lambda weights: weights["rlg_genpo"].update(format=99, version="9.9"),
        {},
        "The checkpoint was written by rlg_genpo 9.9 in format 99; this is "
        f"{__version__}, format 1. Install that version.",
    ),
    "another width": (
        lambda weights: None,
        {"network.flow.units": [17]},
        "The checkpoint's network differs in 5 tensors, first "
        "a2c_network.policy.velocity.from_action.weight: (16, 2) there, (17, 2) here. Check "
        "params.network and the task against the YAML that it was trained with.",
    ),
    "another number of layers": (
        lambda weights: None,
        {"network.flow.units": [16, 2]},
        "The checkpoint's network differs in 2 tensors, first "
        "a2c_network.policy.velocity.rest.3.bias: absent there, (2,) here.",
    ),
    "another task": (
        lambda weights: None,
        {"config.env_config.low": [-1.0] * 3, "config.env_config.high": [1.0] * 3},
        "first a2c_network.policy.base.mu.bias: (2,) there, (3,) here.",
    ),
    "no normaliser": (
        lambda weights: None,
        {"config.normalize_input": False},
        "first running_mean_std.count: () there, absent here.",
    ),
}


@pytest.mark.parametrize("kind", ["agent", "player"])
@pytest.mark.parametrize(("edit", "overrides", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_checkpoint_that_does_not_fit_is_refused(rig, saved, edit, overrides, message, kind):
    path = saved(edit)
    with pytest.raises(CheckpointError) as error:
        getattr(rig, kind)(overrides).restore(path)
    assert message in str(error.value)


def test_a_refused_checkpoint_leaves_the_agent_as_it_was(rig, saved):
    agent = rig.agent({"network.flow.units": [16, 2]})
    before = {name: value.clone() for name, value in agent.model.state_dict().items()}
    with pytest.raises(CheckpointError):
        agent.restore(saved(lambda weights: None))
    after = agent.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_rate_changed_in_the_yaml_wins_over_the_checkpoints(rig):
    run = rig.train({"config.learning_rate": 1e-3})
    agent = rig.agent({"config.learning_rate": 2e-4})
    agent.restore(run.checkpoint())
    assert agent.last_lr == 2e-4
    assert {group["lr"] for group in agent.optimizer.param_groups} == {2e-4}


@pytest.mark.parametrize(
    ("key", "value", "there"),
    [
        ("mix", 0.8, "0.9"),
        ("steps", 4, "3"),
        ("activation", "tanh", ""),
        ("base", "standard", "gaussian"),
    ],
)
def test_a_flow_that_changed_without_changing_shapes_is_refused(rig, key, value, there):
    run = rig.train()
    changed = {f"network.flow.{key}": value}
    for loader in (rig.agent(changed), rig.player(changed)):
        with pytest.raises(CheckpointError) as error:
            loader.restore(run.checkpoint())
        message = str(error.value)
        assert message.startswith(f"params.network.flow.{key}: the checkpoint's policy was trained")
        assert f"the YAML says {value}" in message and there in message


def test_a_diverged_run_stops_and_says_so(rig):
    with pytest.raises(DivergedError, match="learning_rate is 1e\\+30"):
        rig.train({"config.learning_rate": 1e30})
