"""The doctor says what is there, and for what is wrong a way out."""

from importlib import metadata

import pytest
import yaml

from rlg_genpo import cli
from rlg_genpo.algorithm import algorithms
from rlg_genpo.cli import doctor, swapping
from rlg_genpo.errors import ConfigError
from rlg_genpo.genpo.config import AlgoConfig, CoupledFlowConfig, GenPOConfig
from rlg_genpo.isaaclab import tasks as isaaclab_tasks


def line_of(lines, topic):
    (line,) = [line for line in lines if line.strip().startswith(topic)]
    return line


def test_it_reports_the_versions_that_are_installed():
    lines, _ = doctor.report()
    for topic, package in (("torch", "torch"), ("rl_games", "rl-games"), ("gymnasium",) * 2):
        assert metadata.version(package) in line_of(lines, f"{topic} ")
    assert line_of(lines, "rl_games' tables").endswith("registered: genpo, cppo, ddpl")


def test_it_lists_every_task_of_ours():
    lines, _ = doctor.report()
    for stem, names in isaaclab_tasks.TASKS.items():
        policies = ", ".join(isaaclab_tasks.policies()[stem])
        assert line_of(lines, f"{names[0]}-v0 ").endswith(f" {policies}")


class Spec:
    """A task's specification, as gymnasium's registry has it."""

    def __init__(self, task, **kwargs):
        self.id, self.kwargs = task, {"env_cfg_entry_point": "a.module:Class", **kwargs}


def test_a_task_that_the_installed_isaac_lab_lacks_is_not_well(monkeypatch):
    import gymnasium

    own = {"rl_games_cfg_entry_point": "isaaclab_tasks.agents:rl_games_ppo_cfg.yaml"}
    there = {task: Spec(task, **own) for task in ("Isaac-Ant", "Isaac-Reach-UR10")}
    monkeypatch.setattr(gymnasium, "registry", there)
    fact = doctor.task_fact("Isaac-Ant-v0")
    assert fact.found.endswith("that is installed, did you mean 'Isaac-Ant'?") and fact.mend
    fact = doctor.task_fact("Isaac-Ant")
    assert fact.mend is None and "--agent rl_games_genpo_paper_cfg_entry_point" in fact.found
    # A task that we ship nothing for has what is made from its own configuration.
    fact = doctor.task_fact("Isaac-Reach-UR10")
    assert fact.found == (
        "--agent rl_games_genpo_cfg_entry_point, --agent rl_games_cppo_cfg_entry_point"
    )


@pytest.mark.parametrize(("generation", "wanted"), [(2, "3.11"), (3, "3.12")])
def test_a_python_that_isaac_lab_does_not_run_on_is_named(monkeypatch, generation, wanted):
    monkeypatch.setattr(isaaclab_tasks, "generation", lambda: generation)
    monkeypatch.setattr(doctor, "version_of", lambda name: "1.0")
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.10.1")
    fact = doctor.isaaclab_fact(has_isaaclab=True)
    assert fact.mend == f"use Python {wanted}, the only one that it runs on"
    monkeypatch.setattr(doctor.platform, "python_version", lambda: f"{wanted}.1")
    assert doctor.isaaclab_fact(has_isaaclab=True).mend is None


@pytest.mark.parametrize("package", ["rl-games", "gymnasium", "torch"])
def test_a_missing_package_comes_with_its_install_line(monkeypatch, package):
    real = doctor.version_of
    monkeypatch.setattr(doctor, "version_of", lambda name: None if name == package else real(name))
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    lines, well = doctor.report()
    assert not well
    assert f"{'':25}-> pip install {package}" in "\n".join(lines)


def test_our_door_is_installed():
    assert doctor.pip_door(has_isaaclab=True).found == "open"
    assert "idle" in doctor.pip_door(has_isaaclab=False).found


def test_gym_missing_beside_isaac_lab_is_mended(monkeypatch):
    monkeypatch.setattr(doctor, "version_of", lambda name: None)
    assert doctor.gym_fact(has_isaaclab=False).mend is None
    assert "pip install gym" in doctor.gym_fact(has_isaaclab=True).mend


@pytest.mark.parametrize("missing", ["gym.envs", "isaaclab.tasks"])
def test_a_door_without_entry_point_names_the_launcher(monkeypatch, missing):
    real = metadata.entry_points
    there = lambda group: [] if group == missing else real(group=group)  # noqa: E731
    monkeypatch.setattr(doctor.metadata, "entry_points", there)
    fact = doctor.pip_door(has_isaaclab=True)
    assert fact.found == f"shut: no entry point {missing} of ours is installed"
    assert doctor.LAUNCHER in fact.mend


def test_an_untested_rl_games_is_said_to_be(monkeypatch):
    monkeypatch.setattr(doctor, "version_of", lambda name: "9.9")
    assert "untested" in doctor.rl_games_fact().found


def test_another_owner_of_our_name_is_reported(monkeypatch):
    from rl_games.algos_torch import model_builder

    monkeypatch.setattr(model_builder, "MODEL_REGISTRY", {"genpo": object()})
    fact = doctor.registration()
    assert fact.found == "not registered (ConfigError)"
    assert "params.model.name: another package has registered 'genpo'" in fact.mend


def test_a_task_names_its_agents_or_the_way_out(capsys):
    assert cli.main(["doctor", "--task", "Isaac-Velocity-Rough-H1-v0"]) == 0
    said = capsys.readouterr().out
    policies = ("cppo_", "genpo_", "genpo_paper_", "")
    keys = [f"rl_games_{policy}cfg_entry_point" for policy in policies]
    assert ", ".join(f"--agent {key}" for key in keys) in said
    assert cli.main(["doctor", "--task", "Isaac-Nowhere-v0"]) == 1
    assert "has rl_games_genpo_cfg_entry_point" in capsys.readouterr().out


GAUSSIAN = {
    "pbt": {"enabled": False},
    "params": {
        "seed": 3,
        "algo": {"name": "a2c_continuous"},
        "model": {"name": "continuous_a2c_logstd"},
        "network": {
            "name": "actor_critic",
            "separate": False,
            "space": {"continuous": {"fixed_sigma": True}},
            "mlp": {"units": [16], "activation": "elu", "initializer": {"name": "default"}},
        },
        "config": {
            "name": "mine",
            "learning_rate": 3e-4,
            "lr_schedule": "adaptive",
            "kl_threshold": 0.008,
            "horizon_length": 16,
        },
    },
}


@pytest.fixture
def gaussian(tmp_path):
    def write(**algo):
        document = yaml.safe_load(yaml.safe_dump(GAUSSIAN))
        document["params"].update(algo)
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    return write


def test_a_swap_changes_the_head_and_nothing_else(gaussian):
    swapped = yaml.safe_load(swapping.swap(str(gaussian()), "genpo"))
    assert swapped["pbt"] == GAUSSIAN["pbt"]
    params, before = swapped["params"], GAUSSIAN["params"]
    assert [params[block]["name"] for block in ("algo", "model")] == ["genpo", "genpo"]
    assert params["network"]["name"] == "genpo_actor_critic"
    assert params["network"]["mlp"] == before["network"]["mlp"]
    assert params["network"]["space"] == before["network"]["space"]
    assert params["config"] == {**before["config"], "name": "mine_swapped_genpo"}


@pytest.mark.parametrize(
    ("policy", "preset", "kept"),
    [
        ("genpo", "default", True),
        ("genpo", "paper", False),
        ("cppo", "default", True),
        ("cppo", "paper", False),
    ],
)
def test_a_swap_keeps_the_gaussian_where_the_policy_stands_on_it(gaussian, policy, preset, kept):
    params = yaml.safe_load(swapping.swap(str(gaussian()), policy, preset))["params"]
    assert ("space" in params["network"]) == kept
    assert params["network"]["flow"]["base"] == ("gaussian" if kept else "standard")


def test_a_swap_keeps_the_licence_and_rl_games_constant_rate(gaussian):
    path = gaussian()
    document = yaml.safe_load(path.read_text())
    document["params"]["config"]["lr_schedule"] = "fixed"  # a word that rl_games does not know
    path.write_text("# Copyright of somebody\n#\n# Licence\n\n" + yaml.safe_dump(document))
    text = swapping.swap(str(path), "genpo")
    assert "# Copyright of somebody\n#\n# Licence\n" in text
    assert yaml.safe_load(text)["params"]["config"]["lr_schedule"] == "constant"


def test_a_swap_leaves_out_slips_that_the_gaussian_ran_with(gaussian, caplog):
    path = gaussian()
    document = yaml.safe_load(path.read_text())
    document["params"]["config"] |= {"seq_len": 4, "my_own_key": 1}
    path.write_text(yaml.safe_dump(document))
    config = yaml.safe_load(swapping.swap(str(path), "genpo"))["params"]["config"]
    assert "seq_len" not in config and config["my_own_key"] == 1
    assert "params.config.seq_len: left out" in caplog.text and "'seq_length'" in caplog.text


def test_a_shipped_configuration_may_be_swapped_by_name():
    params = yaml.safe_load(swapping.swap("halfcheetah_ppo", "genpo"))["params"]
    assert params["config"]["name"] == "halfcheetah_ppo_swapped_genpo"


def test_a_swap_may_start_from_a_preset():
    params = yaml.safe_load(swapping.swap("halfcheetah_ppo", "genpo", "paper"))["params"]
    genpo = algorithms()["genpo"]
    settings = genpo.parse(params)
    for path, value in genpo.presets["paper"].items():
        block, _, key = path.removeprefix("network.").partition(".")
        found = getattr(getattr(settings, block), key)
        assert (list(found) if isinstance(found, tuple) else found) == value, path


def test_a_swapped_file_trains(rig, tmp_path):
    gaussian = {
        "algo": {"name": "a2c_continuous"},
        "model": {"name": "continuous_a2c_logstd"},
        "network.name": "actor_critic",
        "network.space": {"continuous": {}},
    }
    settings = rig.settings(gaussian)
    del settings["params"]["network"]["flow"]
    path = tmp_path / "gaussian.yaml"
    path.write_text(yaml.safe_dump(settings))
    swapped = yaml.safe_load(swapping.swap(str(path), "genpo"))
    from rl_games.torch_runner import Runner

    runner = Runner()
    runner.load(swapped)
    runner.run_train({"train": True})
    assert list(tmp_path.glob("*/nn/last_*.pth"))


def test_a_swap_of_anything_else_is_refused(gaussian):
    with pytest.raises(ConfigError, match=r"params\.algo\.name: 'sac'"):
        swapping.swap(str(gaussian(algo={"name": "sac"})), "genpo")
    # Its sigma is no logarithm, as that of a flow's base is.
    with pytest.raises(ConfigError) as error:
        swapping.swap(str(gaussian(model={"name": "continuous_a2c"})), "genpo")
    assert str(error.value) == (
        "params.model.name: 'continuous_a2c'; only continuous_a2c_logstd, whose sigma is a "
        "logarithm, can be swapped."
    )
    discrete = {**GAUSSIAN["params"]["network"], "space": {"discrete": None}}
    with pytest.raises(ConfigError, match=r"params\.network\.space: \['discrete'\]"):
        swapping.swap(str(gaussian(network=discrete)), "genpo")


def test_the_command_writes_a_file_and_overwrites_none(gaussian, tmp_path, capsys):
    out = tmp_path / "swapped.yaml"
    assert cli.main(["swap", str(gaussian()), "--out", str(out)]) == 0
    assert yaml.safe_load(out.read_text())["params"]["algo"]["name"] == "genpo"
    assert cli.main(["swap", str(gaussian()), "--out", str(out)]) == 2
    assert "exists" in capsys.readouterr().err
    assert cli.main(["swap", str(tmp_path / "none.yaml")]) == 2
    assert "no file" in capsys.readouterr().err


def test_without_out_the_text_is_printed(gaussian, capsys):
    assert cli.main(["swap", str(gaussian())]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["params"]["model"]["name"] == "genpo"


def test_what_a_swap_writes_are_the_defaults():
    params = yaml.safe_load(swapping.swap("halfcheetah_ppo", "genpo"))["params"]
    found = GenPOConfig.parse(params)
    assert (found.algo, found.flow) == (AlgoConfig(), CoupledFlowConfig())


def test_a_file_without_a_config_block_is_refused(gaussian):
    document = yaml.safe_load(gaussian().read_text())
    del document["params"]["config"]
    path = gaussian()
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigError, match=r"params\.config: missing"):
        swapping.swap(str(path), "genpo")
