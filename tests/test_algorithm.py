"""The declarations of all policies, and what rl_games learns of them.

It learns of them once, wherever the Runner was built, and keeps what is anybody else's.
"""

import copy
import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
import yaml
from rl_games.algos_torch import model_builder
from rl_games.torch_runner import Runner

from rlg_genpo import ConfigError, algorithm, register, registration
from rlg_genpo.algorithm import algorithms, load
from rlg_genpo.common.agent import Agent
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.common.model import GenerativeModel
from rlg_genpo.common.network import PolicyBuilder
from rlg_genpo.common.player import Player
from rlg_genpo.genpo.agent import GenPOAgent
from rlg_genpo.genpo.network import GenPOBuilder
from tests.ddpl import teams
from tests.rig import ABSENT, BASE, CPPO, MLP, STANDARD, Rig, Run


@pytest.fixture
def tables(monkeypatch):
    """rl_games' global tables, empty, for the length of a test."""
    models, networks = {}, {}
    monkeypatch.setattr(model_builder, "MODEL_REGISTRY", models)
    monkeypatch.setattr(model_builder, "NETWORK_REGISTRY", networks)
    return models, networks


# -- declarations ---------------------------------------------------------------------------------

POLICIES = {"genpo": {}, "cppo": CPPO, "ddpl": teams.overrides()}
declared_ones = pytest.mark.parametrize("declared", algorithms().values(), ids=algorithms().keys())


@pytest.fixture(params=POLICIES)
def run_of(request, tmp_path):
    """A rig of each policy, and its declaration."""
    return Rig(tmp_path, POLICIES[request.param]), algorithms()[request.param]


def test_every_policy_is_tried_here():
    assert set(POLICIES) == set(algorithms())


@declared_ones
def test_what_a_declaration_names_exists(declared):
    kinds = {"network": PolicyBuilder, "agent": Agent, "player": Player}
    for part, kind in kinds.items():
        assert issubclass(load(getattr(declared, part)), kind)
    assert set(declared.config.also_evaluated) <= set(declared.config.deployments)
    assert declared.paper.url.startswith("https://") and declared.paper.year >= 2025


def read_back(declared, values=None):
    """What a written head is parsed to, and the defaults with ``values`` in their place."""
    text = declared.yaml_head(values or {}, yaml.safe_dump({"mlp": MLP}))
    assert max(map(len, text.splitlines())) <= 100
    params = yaml.safe_load(f"params:\n{text}")["params"]
    params["config"] = BASE["config"]
    blocks = {}
    for spec, kind, path in declared.config.blocks():
        own = {k.rpartition(".")[2]: v for k, v in (values or {}).items() if k.startswith(path)}
        own = {k: tuple(v) if isinstance(v, list) else v for k, v in own.items()}
        blocks[spec.name] = kind(**own) if is_dataclass(kind) else None
    return declared.parse(params), declared.config(**blocks)


@declared_ones
def test_the_written_head_is_read_back_as_the_defaults(declared):
    settings, defaults = read_back(declared)
    assert settings == defaults
    text = " ".join(declared.yaml_head({}).replace("#", " ").split())
    for _, kind, _ in declared.config.blocks():
        for option in fields(kind) if is_dataclass(kind) else ():
            assert option.metadata["doc"].partition(";")[0] in text


@declared_ones
def test_presets_are_options_that_parse_and_differ_from_the_defaults(declared):
    for values in declared.presets.values():
        settings, expected = read_back(declared, values)
        assert settings == expected != read_back(declared)[0]


def test_a_list_of_blocks_is_written_too():
    listed = [{"name": name, "obs": 2, "act": 1} for name in ("left", "right")]
    text = algorithms()["ddpl"].yaml_head({"network.agents": listed})
    assert yaml.safe_load(text)["network"]["agents"] == listed


def test_a_head_is_not_written_with_what_is_no_option():
    with pytest.raises(KeyError, match=r"no options of genpo: network\.flow\.step"):
        algorithms()["genpo"].yaml_head({"network.flow.step": 3})


@pytest.mark.parametrize(
    ("policy", "block", "owners"), [("genpo", "residual", "cppo"), ("ddpl", "flow", "genpo")]
)
def test_another_policys_block_is_refused_by_its_owners(tmp_path, policy, block, owners):
    with pytest.raises(ConfigError) as error:
        Rig(tmp_path, POLICIES[policy]).parsed({f"network.{block}": {}})
    listed = "genpo and cppo" if owners == "genpo" else owners
    assert str(error.value) == (
        f"params.network.{block}: is a block of {listed}, not of {policy}; remove it, or set algo, "
        f"model and network to {owners}'s names."
    )


def test_other_packages_declare_theirs_by_an_entry_point(monkeypatch, caplog):
    theirs = replace(algorithms()["genpo"], name="theirs")
    for name, declared in (("theirs", theirs), ("namesake", replace(theirs, name="cppo"))):
        module = ModuleType(f"{name}_package")
        module.ALGORITHM = declared
        monkeypatch.setitem(sys.modules, module.__name__, module)
    points = [f"{name}:ALGORITHM" for name in ("theirs_package", "broken", "namesake_package")]
    monkeypatch.setattr(algorithm, "_FOUND", dict(algorithms()))
    monkeypatch.setattr(algorithm, "_READ", set(algorithm._READ))
    # Last: reading the real table above must not meet these.
    monkeypatch.setattr(algorithm, "entry_points", lambda: points)
    found = algorithms()
    assert list(found) == ["genpo", "cppo", "ddpl", "theirs"]
    assert found["theirs"] is theirs and found["cppo"] is not theirs
    broken, namesake = (record.getMessage() for record in caplog.records)
    assert broken.startswith("entry point broken:ALGORITHM of the group rlg_genpo.algorithms is")
    assert namesake == "namesake_package:ALGORITHM: there is an algorithm 'cppo' already; left out."
    caplog.clear()
    assert algorithms() is found and not caplog.records  # each is read once


# -- a Runner -------------------------------------------------------------------------------------


@pytest.fixture
def parsed(monkeypatch):
    """Every call of a policy's ``parse``."""
    calls, parse = [], PolicyConfig.parse.__func__

    def counted(config, params):
        calls.append(config)
        return parse(config, params)

    monkeypatch.setattr(PolicyConfig, "parse", classmethod(counted))
    return calls


def test_a_runner_parses_its_settings_once(run_of, parsed):
    rig, declared = run_of
    run = rig.train({"config.max_epochs": 1})
    assert parsed == [declared.config]
    player = rig.player({}, run.checkpoint())
    assert parsed == [declared.config] * 2
    assert type(run.agent) is load(declared.agent) and type(player) is load(declared.player)


def test_settings_that_are_handed_over_are_not_parsed_again(run_of, parsed):
    rig, _ = run_of
    settings = rig.parsed()
    parsed.clear()
    run = Run()
    runner = rig.runner({"config.max_epochs": 1}, run)
    registration.enter_runner(runner, settings)
    runner.run_train({"train": True})
    assert parsed == [] and run.agent.settings == settings
    assert runner.create_player().settings == settings and parsed == []


@pytest.mark.parametrize("policy", [{}, CPPO, teams.NATIVE], ids=["genpo", "cppo", "native_ddpl"])
def test_a_runners_params_are_left_to_rl_games(tmp_path, policy):
    left_open = ("torch_compile", "device", "device_name")
    rig = Rig(tmp_path, {**policy, **{f"config.{key}": ABSENT for key in left_open}})
    runner = rig.runner({"config.max_epochs": 1})
    before = copy.deepcopy(runner.params)
    runner.run_train({"train": True})
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    config, was = runner.params.pop("config"), before.pop("config")
    assert runner.params == before
    assert config["device"] == config["device_name"] == device
    assert config.get("torch_compile", True) == (device != "cpu")
    # rl_games' own: an observer, a rewards shaper, and its model for a network
    known = {*left_open, "features", "reward_shaper", "network"}
    assert {k: v for k, v in config.items() if k not in known} == {
        k: v for k, v in was.items() if k not in known
    }


def test_importing_the_package_registers_every_algorithm():
    for name, declared in algorithms().items():
        network = model_builder.NETWORK_REGISTRY[declared.network_name]()
        assert isinstance(network, load(declared.network))
        model = model_builder.MODEL_REGISTRY[name](network=network)
        assert isinstance(model, GenerativeModel)


def test_registering_again_changes_nothing(tables):
    register()
    entered = [dict(table) for table in tables]
    methods = Runner.run_train, Runner.create_player
    register()
    assert [dict(table) for table in tables] == entered
    assert (Runner.run_train, Runner.create_player) == methods
    names = {declared.network_name for declared in algorithms().values()}
    assert [set(table) for table in tables] == [set(algorithms()), names]


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
def test_a_sigma_without_a_gaussian_is_said_to_do_nothing(rig, caplog, sigma, said):
    settings = {**STANDARD, "config.max_epochs": 1}
    rig.runner(settings).run_train({"train": True, "sigma": sigma})
    assert (f"sigma: {sigma} is ignored" in caplog.text) == said


@pytest.mark.slow
def test_a_package_that_fails_to_register_does_not_break_rl_games(tmp_path, warm):
    code = (
        "import rlg_genpo\n"
        "from rl_games.algos_torch import model_builder\n"
        "model_builder.register_model('genpo', object())\n"
        "from rl_games.torch_runner import Runner\n"
        "print('Runner' in dir())\n"
        "rlg_genpo.register()\n"
    )
    done = warm.run(["-c", code], tmp_path)
    assert done.stdout.splitlines()[-1] == "True"
    assert "rlg_genpo is not registered with rl_games: params.model.name" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("rlg_genpo.errors.ConfigError")


@pytest.mark.slow
@pytest.mark.parametrize(
    "first", ["rlg_genpo.algorithm", "rlg_genpo.genpo.agent", "rl_games.torch_runner", "json"]
)
def test_whatever_is_imported_first_a_runner_knows_us_quietly(first, tmp_path, warm):
    code = (
        f"import {first}\n"
        "import rlg_genpo\n"
        "from rl_games.torch_runner import Runner\n"
        "from rl_games.algos_torch import model_builder\n"
        "assert 'genpo' in model_builder.MODEL_REGISTRY\n"
        "assert hasattr(Runner.run_train, 'enters_rlg_genpo')\n"
    )
    done = warm.run(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "rlg_genpo" not in done.stderr


def test_importing_us_imports_neither_torch_nor_rl_games():
    code = "import rlg_genpo, sys; print({'torch', 'rl_games'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_a_runners_factories_make_our_agent_and_player(rig):
    assert type(rig.player()) is Player
    assert isinstance(rig.train({"config.max_epochs": 1}).agent, GenPOAgent)


def test_rl_games_own_algorithms_still_stand(rig):
    runner = rig.runner()
    before = set(runner.algo_factory._builders)
    runner.create_player()
    assert set(runner.algo_factory._builders) == before | set(algorithms())
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
def test_a_runner_built_before_registration_trains_and_plays(tmp_path, warm):
    result = warm.run(["-c", EARLY_RUNNER, str(tmp_path)], Path(__file__).parents[1])
    assert result.returncode == 0, result.stderr
    assert "made Player" in result.stdout
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
