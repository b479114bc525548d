"""Numbers that are not finite are not stepped, absorbed or saved, and a sentence says what."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from rl_games.common import env_configurations, vecenv

from rlg_genpo import CheckpointError, ConfigError, DivergedError, SimulatorError
from rlg_genpo.common import finite
from rlg_genpo.host.compat import spaces
from tests import point_mass
from tests.ddpl import teams
from tests.rig import CENTRAL_VALUE, CNN, CPPO, LSTM

NAME, HORIZON = "faulty_mass", 8
POLICIES = {"genpo": {}, "cppo": CPPO, "ddpl": teams.overrides()}
STATES = {"config.env_config.states": True, "config.central_value_config": CENTRAL_VALUE}
#: of its second rollout: the third step
AT = HORIZON + 3


class FaultyMass(point_mass.PointMass):
    """A point mass that gives ``value`` once, for environment 5, at step ``at``.

    Args:
        where: ``obs``, ``states`` or ``reward``.
        key: of a dictionary of observations.
        last: the bad observation comes with the last step of a rollout.
    """

    made: list["FaultyMass"] = []

    def __init__(self, count, value=None, where="obs", key=None, at=AT, **options):
        self.value, self.where, self.key, self.at, self.step_count = value, where, key, at, 0
        self.low_high = options.pop("bounds", None)
        super().__init__(count, **options)
        self.made.append(self)

    def get_env_info(self):
        info = super().get_env_info()
        if self.low_high:
            low, high = np.array(self.low_high, np.float32)
            info["action_space"] = spaces.Box(low, high)
        if self.observation == "image" and self.value:
            info["observation_space"] = spaces.Box(0.0, 255.0, (8, 8, 1), np.float32)
        return info

    def _image(self):
        image = super()._image()
        return image.float() if self.observation == "image" and self.value else image

    def step(self, actions):
        self.step_count += 1
        seen, reward, done, infos = super().step(actions)
        if self.value is not None and self.step_count == self.at:
            target = {"reward": reward}.get(self.where)
            if target is None:
                target = seen[self.where] if self.states else seen
                target = target if self.key is None else target[self.key]
            target[5, ...] = self.value
        return seen, reward, done, infos


vecenv.register(NAME, lambda name, count, **options: FaultyMass(count, **options))
env_configurations.register(NAME, {"vecenv_type": NAME, "env_creator": None})


def faulty(**options):
    settings = {f"config.env_config.{key}": value for key, value in options.items()}
    return {
        "config.env_name": NAME, "config.max_epochs": 3, "config.save_frequency": 1, **settings
    }  # fmt: skip


def refused(rig, overrides, error=SimulatorError):
    """The sentence of the refusal; everything that stays behind is finite, and named in it."""
    with pytest.raises(error) as caught:
        rig.train(overrides)
    actions = torch.stack(FaultyMass.made[-1].actions)
    assert actions.isfinite().all() and len(actions) % HORIZON == 0
    saved = sorted(rig.folder.rglob("*.pth"), key=lambda path: path.stat().st_mtime)
    for path in saved:
        state = torch.load(path, weights_only=False)
        assert finite.not_finite({k: v for k, v in state.items() if k != "env_state"}) is None
        rig.agent(overrides | {"config.env_config.value": None}).restore(str(path))
    message = str(caught.value)
    assert (f"{saved[-1]}, is of before and whole" if saved else "No checkpoint") in message
    return message


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e30, -3e38])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_bad_observation_stops_the_run_in_its_epoch(rig, policy, value):
    message = refused(rig, POLICIES[policy] | faulty(value=value))
    assert "observation, component 0, is" in message
    assert f"in environment 5 at step {AT - HORIZON} of {HORIZON} in epoch 2" in message


KINDS = {
    "nested": (dict(observation="dict", key="goal"), "observation 'goal', component 0"),
    "image": (dict(observation="image"), r"observation, component \(0, 0, 0\)"),
    "states": (dict(where="states"), "state, component 0"),
    "reward": (dict(where="reward"), "reward, component 0"),
    "arrays": (dict(arrays=True), "observation, component 0"),
}


@pytest.mark.parametrize("value", [np.inf, np.nan, 1e30])
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_simulator_gives_is_looked_at(rig, kind, value):
    options, what = KINDS[kind]
    network = {"image": {"network.cnn": CNN}, "states": STATES}.get(kind, {})
    message = refused(rig, network | faulty(value=value, **options))
    assert re.search(f"The simulator's {what}, is .* in environment 5 at step", message)
    assert "in epoch 2" in message


@pytest.mark.parametrize("where", ["obs", "states"])
def test_the_observation_after_a_rollout_belongs_to_its_epoch(rig, where):
    message = refused(rig, STATES | faulty(value=np.inf, where=where, at=2 * HORIZON))
    assert f"at step {HORIZON} of {HORIZON} in epoch 2" in message


def test_the_first_observation_of_all_is_looked_at(rig, monkeypatch):
    reset = FaultyMass.reset
    monkeypatch.setattr(FaultyMass, "reset", lambda self: reset(self).fill_(np.nan))
    message = refused(rig, faulty())
    assert "component 0, is nan in environment 0 at step 0 of 8 in epoch 1" in message
    assert "No checkpoint had been written" in message


def test_a_recurrent_policy_stops_too(rig):
    network = {"network.rnn": LSTM, "config.seq_length": 4}
    assert "is nan" in refused(rig, network | faulty(value=np.nan))


def test_an_agent_of_several_is_named(rig):
    message = refused(rig, faulty(value=np.nan, agents=2))
    assert "in environment 2 (agent 1) at step" in message


def test_a_reward_that_its_shaper_hides_is_no_mean_return(rig):
    shaper = {"config.reward_shaper": {"scale_value": 1.0, "max_val": 10.0}}
    message = refused(rig, shaper | faulty(value=np.inf, where="reward"))
    assert "sum of an episode's rewards" in message and "environment 5" in message


def test_a_policy_that_gives_no_number_is_not_the_simulators_fault(rig, monkeypatch):
    from rlg_genpo.genpo.policy import GenPO

    act, count = GenPO.act, []

    def broken(self, condition):
        acted = act(self, condition)
        count.append(0)
        if len(count) == AT:
            acted.stored[2] = np.nan
        return acted

    monkeypatch.setattr(GenPO, "act", broken)
    message = refused(rig, faulty(), DivergedError)
    assert "The policy diverged: its action, component 0, is nan in environment 2" in message
    assert "learning_rate" in message


def test_statistics_that_are_lost_are_not_saved(rig):
    agent = rig.rolled()
    agent.model.running_mean_std.running_var[1] = np.inf
    with pytest.raises(DivergedError, match=r"model\.running_mean_std\.running_var is no longer"):
        agent.get_full_state_weights()


def test_a_networks_own_buffers_may_hold_what_they_like(rig):
    agent = rig.rolled()
    agent.model.register_buffer("mask", torch.tensor([0.0, -np.inf]))
    assert not agent.get_full_state_weights()["model"]["mask"].isfinite().all()


def test_the_ranks_of_a_run_stop_together(rig, monkeypatch):
    agent = rig.agent()
    agent.init_tensors()
    agent.obs = agent.env_reset()
    agent.play_steps()
    agent.multi_gpu = True
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda flag, how: flag.zero_())
    with pytest.raises(SimulatorError, match="Another process of this run"):
        finite.refuse_rollout(agent)
    with pytest.raises(DivergedError, match="A tensor of another process is no longer finite"):
        finite.refuse_state(agent, agent.trained(), together=True)
    finite.refuse_state(agent, agent.trained(), together=False)


@pytest.mark.parametrize(
    "low, high", [(-np.inf, np.inf), (-1.0, np.inf), (-np.inf, 1.0), (-3e38, 3e38), (0.0, 1e30)]
)
@pytest.mark.parametrize("policy", POLICIES)
def test_bounds_to_which_nothing_can_be_scaled_are_refused(rig, policy, low, high):
    settings = POLICIES[policy] | faulty(bounds=((-1.0, low), (1.0, high)))
    for begin in (rig.train, rig.player):
        with pytest.raises(ConfigError) as caught:
            begin(settings)
        message = str(caught.value)
        for word in ("action space", "component 1", "params.env.clip_actions"):
            assert word in message
        assert not FaultyMass.made[-1].actions
    rig.agent(settings | {"config.clip_actions": False})


def test_a_poisoned_checkpoint_of_before_is_refused(rig):
    run = rig.train()
    state = torch.load(run.checkpoint(), weights_only=False)
    state["model"]["running_mean_std.running_mean"][0] = np.nan
    path = Path(rig.folder) / "poisoned.pth"
    torch.save(state, path)
    for loader in (rig.agent(), rig.player()):
        with pytest.raises(CheckpointError, match=r"running_mean_std\.running_mean is not finite"):
            loader.restore(str(path))
