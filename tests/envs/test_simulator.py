"""What every simulator of ours shares: its name in rl_games' tables, and its device."""

import logging
from types import SimpleNamespace

import pytest
import torch
from rl_games.common import env_configurations, vecenv

from rlg_genpo.envs import SIMULATORS, simulator_of
from rlg_genpo.envs.simulator import AdaptedEnv, Adapter, SimulatorConfig, device_of
from rlg_genpo.errors import ConfigError

NAME = "rlg_genpo_test_entry"


class Entry(Adapter):
    """Gives back what rl_games asks for, and notes what was checked."""

    def __init__(self):
        super().__init__(NAME, lambda count, options: (count, options), SimulatorConfig)
        self.checked = []

    def check(self, config):
        self.checked.append(config)


@pytest.fixture
def entry(monkeypatch):
    # Nothing of the test stays in rl_games' tables, which its modules share.
    for table in (env_configurations.configurations, vecenv.vecenv_config):
        monkeypatch.setitem(table, NAME, None)
        del table[NAME]
    return Entry()


def test_rl_games_makes_what_is_entered(entry):
    entry.register()
    entry.register()
    assert not entry.is_foreign()
    assert vecenv.create_vec_env(NAME, 7, goals=2) == (7, {"goals": 2})
    assert env_configurations.configurations[NAME]["env_creator"](goals=3) == (1, {"goals": 3})


def test_rl_games_player_learns_the_spaces_of_a_single_environment():
    make = env_configurations.configurations["multigoal"]["env_creator"]
    env = make(device="cpu")
    asked, told = env_configurations.get_env_info(env), env.get_env_info()
    assert asked == {name: told[name] for name in asked}


def test_another_packages_name_stays(entry, caplog):
    theirs = {"vecenv_type": "RAY"}
    env_configurations.configurations[NAME] = theirs
    with caplog.at_level(logging.WARNING):
        entry.register()
    assert env_configurations.configurations[NAME] is theirs
    assert f"another package has registered '{NAME}'" in caplog.text


@pytest.mark.parametrize(
    ("config", "device"),
    [
        ({"device": "cpu"}, "cpu"),
        ({"device": "cpu", "env_config": None}, "cpu"),
        ({"device": "cuda:1", "env_config": {"device": "cpu"}}, "cpu"),
        ({"device": "cuda:0", "multi_gpu": True}, None),
        ({}, None),
    ],
)
def test_the_environments_run_where_the_agent_does(entry, config, device):
    entry.register()
    config = {"env_name": NAME, **config}
    entry.prepare(config)
    assert entry.checked == [config]
    assert (config.get("env_config") or {}).get("device") == device


def test_another_simulators_configuration_is_left_alone():
    config = {"env_name": "envpool", "device": "cpu"}
    simulator_of(config).prepare(config)
    assert config == {"env_name": "envpool", "device": "cpu"}


def test_every_simulator_is_entered_under_its_own_name():
    for name, simulator in SIMULATORS.items():
        assert name == simulator.name
        assert not simulator.is_foreign()
        assert simulator_of({"env_name": name}) is simulator


def test_of_another_packages_environments_nothing_is_known(entry):
    env_configurations.configurations[NAME] = {"vecenv_type": "RAY"}
    config = {"env_name": NAME, "env_config": {"name": "Walk"}}
    simulator = simulator_of(config)
    simulator.check(config)
    assert simulator.spaces(config) is None and simulator.layout(config) is None
    assert (simulator.agents(config), simulator.task(config)) == (1, "Walk")
    with pytest.raises(ConfigError, match="knows no environment 'envpol', did you mean 'envpool'"):
        simulator_of({"env_name": "envpol"}).check(config)


@pytest.mark.parametrize(
    ("given", "rank", "device"),
    [(None, "0", "cuda:0"), (None, "2", "cuda:2"), ("cuda", "1", "cuda:1"), ("cpu", "1", "cpu")],
)
def test_the_device_follows_the_rank(monkeypatch, given, rank, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", rank)
    assert device_of(given) == device


@pytest.mark.parametrize(
    ("device", "words"),
    [("cuda:0", "torch sees no CUDA device; use cpu"), ("gpu", "torch knows no device 'gpu'")],
)
def test_a_device_that_is_not_there_is_refused(monkeypatch, device, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of(None) == "cpu"
    with pytest.raises(ConfigError, match=words):
        device_of(device)


def test_agent_and_environments_are_on_one_device():
    env = AdaptedEnv()
    env.device = torch.device("cpu")
    env.set_train_info(0, SimpleNamespace(ppo_device="cpu"))
    with pytest.raises(
        ConfigError, match=r"env_config\.device: cpu, but params\.config\.device is"
    ):
        env.set_train_info(0, SimpleNamespace(ppo_device="meta"))
