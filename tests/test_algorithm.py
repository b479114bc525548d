"""rl_games learns of us once, wherever the Runner was built, and keeps what is anybody else's."""

import subprocess
import sys
from pathlib import Path

import pytest
from rl_games.algos_torch import model_builder
from rl_games.torch_runner import Runner

from rlg_genpo import ALGORITHMS, ConfigError, register
from rlg_genpo.common.player import GenPOPlayer
from rlg_genpo.genpo.agent import GenPOAgent
from rlg_genpo.genpo.network import GenPOBuilder


@pytest.fixture
def tables(monkeypatch):
    """rl_games' global tables, empty, for the length of a test."""
    models, networks = {}, {}
    monkeypatch.setattr(model_builder, "MODEL_REGISTRY", models)
    monkeypatch.setattr(model_builder, "NETWORK_REGISTRY", networks)
    return models, networks


def test_importing_the_package_registers_every_algorithm():
    for name, algorithm in ALGORITHMS.items():
        assert name in model_builder.MODEL_REGISTRY
        network = model_builder.NETWORK_REGISTRY[algorithm.network_name]()
        assert isinstance(network, algorithm.network)
        model = model_builder.MODEL_REGISTRY[name](network=network)
        assert isinstance(model, algorithm.model)


def test_registering_again_changes_nothing(tables):
    register()
    entered = [dict(table) for table in tables]
    methods = Runner.run_train, Runner.create_player
    register()
    assert [dict(table) for table in tables] == entered
    assert (Runner.run_train, Runner.create_player) == methods
    names = {algorithm.network_name for algorithm in ALGORITHMS.values()}
    assert [set(table) for table in tables] == [set(ALGORITHMS), names]


@pytest.mark.parametrize(
    ("which", "name", "key"),
    [(0, "genpo", "params.model.name"), (1, "genpo_actor_critic", "params.network.name")],
)
def test_a_foreign_owner_is_refused_and_nothing_is_registered(tables, which, name, key):
    foreign = object()
    tables[which][name] = foreign
    with pytest.raises(ConfigError) as error:
        register()
    assert str(error.value) == (
        f"{key}: another package has registered '{name}' with rl_games; remove that registration, "
        "or import it after choosing another name for it."
    )
    assert tables[which] == {name: foreign}
    assert tables[1 - which] == {}


def test_an_owner_who_came_after_us_is_refused_too(tables):
    register()
    tables[0]["genpo"] = foreign = object()
    with pytest.raises(ConfigError):
        register()
    assert tables[0]["genpo"] is foreign


def test_a_runner_with_another_algorithm_of_that_name_is_refused(rig):
    runner = rig.runner()
    runner.algo_factory.register_builder("genpo", foreign := (lambda **kwargs: None))
    with pytest.raises(ConfigError, match=r"params\.algo\.name.*'genpo'"):
        runner.run_train({})
    assert runner.algo_factory._builders["genpo"] is foreign


def test_a_runner_with_a_namesake_still_trains_what_else_is_asked_for(rig):
    runner = rig.runner({"algo.name": "theirs", "model.name": "m", "network.name": "n"})
    made = []
    runner.algo_factory.register_builder("genpo", lambda **kwargs: None)
    runner.player_factory.register_builder("theirs", lambda **kwargs: made.append("player"))
    runner.create_player()
    assert made == ["player"]


@pytest.mark.parametrize(("block", "name"), [("model", "genpo"), ("network", "genpo_actor_critic")])
def test_half_a_swap_names_the_other_half(rig, block, name):
    names = {"algo.name": "a2c_continuous", "model.name": "m", "network.name": "n"}
    runner = rig.runner({**names, f"{block}.name": name})
    with pytest.raises(ConfigError) as error:
        runner.run_train({})
    assert str(error.value) == (
        f"params.algo.name: 'a2c_continuous' cannot train params.{block}.name '{name}'; use "
        f"algo.name: genpo, or put back the other's {block}."
    )


@pytest.mark.parametrize(("sigma", "said"), [(None, False), (0.0, True), (0.3, True)])
def test_a_sigma_for_the_gaussian_is_said_to_do_nothing(rig, caplog, sigma, said):
    rig.runner({"config.max_epochs": 1}).run_train({"train": True, "sigma": sigma})
    assert (f"sigma: {sigma} is ignored" in caplog.text) == said


@pytest.mark.slow
def test_a_package_that_fails_to_register_does_not_break_rl_games(tmp_path):
    code = (
        "import rlg_genpo\n"
        "from rl_games.algos_torch import model_builder\n"
        "model_builder.register_model('genpo', object())\n"
        "from rl_games.torch_runner import Runner\n"
        "print('Runner' in dir())\n"
        "rlg_genpo.register()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "True"
    assert "rlg_genpo is not registered with rl_games: params.model.name" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("rlg_genpo.errors.ConfigError")


@pytest.mark.slow
@pytest.mark.parametrize(
    "first", ["rlg_genpo.algorithm", "rlg_genpo.genpo.agent", "rl_games.torch_runner", "json"]
)
def test_whatever_is_imported_first_a_runner_knows_us_quietly(first):
    code = (
        f"import {first}\n"
        "import rlg_genpo\n"
        "from rl_games.torch_runner import Runner\n"
        "from rl_games.algos_torch import model_builder\n"
        "assert 'genpo' in model_builder.MODEL_REGISTRY\n"
        "assert hasattr(Runner.run_train, 'enters_rlg_genpo')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "rlg_genpo" not in done.stderr


def test_importing_us_imports_neither_torch_nor_rl_games():
    code = "import rlg_genpo, sys; print({'torch', 'rl_games'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_a_runners_factories_make_our_agent_and_player(rig):
    assert isinstance(rig.player(), GenPOPlayer)
    assert isinstance(rig.train({"config.max_epochs": 1}).agent, GenPOAgent)


def test_rl_games_own_algorithms_still_stand(rig):
    runner = rig.runner()
    before = set(runner.algo_factory._builders)
    runner.create_player()
    assert set(runner.algo_factory._builders) == before | set(ALGORITHMS)
    assert "a2c_continuous" in before


EARLY_RUNNER = """
import sys, pathlib
from rl_games.torch_runner import Runner
early, late = Runner(), Runner()
import rlg_genpo
from tests.rig import Rig
settings = Rig(pathlib.Path(sys.argv[1])).settings({"config.max_epochs": 1})
early.load(settings)
early.run({"train": True})
late.load(settings)
print("made", type(late.create_player()).__name__)
"""


@pytest.mark.slow
def test_a_runner_built_before_registration_trains_and_plays(tmp_path):
    command = [sys.executable, "-c", EARLY_RUNNER, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "made GenPOPlayer" in result.stdout
    assert list(Path(tmp_path).glob("*/nn/last_*.pth"))


def test_a_users_own_builder_is_selectable(rig, monkeypatch):
    class WiderBuilder(GenPOBuilder):
        def make_velocity(self, condition_dim, action_dim):
            velocity = super().make_velocity(condition_dim, action_dim)
            velocity.mine = True
            return velocity

    monkeypatch.setattr(model_builder, "NETWORK_REGISTRY", dict(model_builder.NETWORK_REGISTRY))
    model_builder.register_network("wider", WiderBuilder)
    assert rig.agent({"network.name": "wider"}).policy.velocity.mine
