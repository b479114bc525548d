"""``rlg-genpo export`` from run folder to robot, and the swap to DDPL; on the point mass."""

import copy
import subprocess
import sys

import pytest
import torch
import yaml

import rlg_genpo
from rlg_genpo import cli
from rlg_genpo.cli import swapping
from tests import point_mass, rig
from tests.ddpl import teams

OBS = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
NATIVE = {**teams.NATIVE, "config.train_dir": rig.ABSENT}


def file_of(folder, overrides):
    path = folder / "a.yaml"
    path.write_text(yaml.safe_dump(rig.Rig(folder).settings(overrides)))
    return path


def train(folder, overrides):
    path = file_of(folder, overrides)
    assert cli.main(["train", str(path), "--runs", str(folder), "--name", "run"]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """A run whose agents the environment named, not the YAML."""
    return train(tmp_path_factory.mktemp("native"), NATIVE)


def test_every_agent_is_written(native, capsys):
    assert cli.main(["export", str(native)]) == 0
    folder = native / "agents"
    assert [path.name for path in sorted(folder.iterdir())] == ["agent_0.pt", "agent_1.pt"]
    said = capsys.readouterr().out.splitlines()
    assert said == [f"written: {folder / name}.pt" for name in ("agent_0", "agent_1")]


def test_what_is_written_acts_as_the_run_does(native, tmp_path):
    assert cli.main(["export", str(native), "--out", str(tmp_path)]) == 0
    params = yaml.safe_load((native / "config.yaml").read_text())["params"]
    runner = rig.Runner()
    runner.load({"params": params})
    player = runner.create_player()
    player.restore(str(native / "nn" / "last.pth"))
    both = torch.cat([OBS, OBS.flip(0)], dim=-1)
    player.get_batch_size(both, 1)
    together = player.get_action(both, is_deterministic=True)
    parts = [OBS, OBS.flip(0)]
    alone = [rlg_genpo.load_agent(tmp_path / f"agent_{i}.pt")(parts[i]) for i in range(2)]
    torch.testing.assert_close(torch.cat(alone, dim=-1), together, rtol=0, atol=1e-6)


def test_one_agent_may_be_written_from_a_checkpoint(native, tmp_path):
    checkpoint = str(native / "nn" / "last.pth")
    words = ["export", checkpoint, "--agent", "agent_1", "--out", str(tmp_path / "new")]
    assert cli.main(words) == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["agent_1.pt"]
    assert cli.main(words) == 0  # replaces its own


def test_no_environment_is_made(native, tmp_path, monkeypatch):
    def refused(*args, **kwargs):
        raise AssertionError("an environment was made")

    monkeypatch.setattr(point_mass.PointMass, "__init__", refused)
    assert cli.main(["export", str(native), "--out", str(tmp_path)]) == 0


def test_an_unknown_agent_is_answered_with_those_there_are(native, tmp_path, capsys):
    assert cli.main(["export", str(native), "--agent", "agent_2", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "--agent agent_2: unknown agent, did you mean" in said
    assert "Known agents: agent_0, agent_1." in said
    assert not list(tmp_path.iterdir())


def test_another_policy_is_made_of_no_agents(tmp_path, capsys):
    run = train(tmp_path, {"config.max_epochs": 1, "config.train_dir": rig.ABSENT})
    assert cli.main(["export", str(run)]) == 2
    assert (
        "params.algo.name: genpo; only a policy that is made of agents is exported (ddpl)."
        in capsys.readouterr().err
    )
    path = file_of(tmp_path, NATIVE)
    assert cli.main(["export", str(run), "--config", str(path)]) == 2
    assert "The checkpoint holds a genpo policy, but params.algo.name is ddpl" in (
        capsys.readouterr().err
    )


def test_loading_an_agent_is_offered_without_importing_torch():
    code = (
        "import sys, rlg_genpo; assert callable(rlg_genpo.load_agent); "
        "assert 'load_agent' in rlg_genpo.__all__ and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- swap -----------------------------------------------------------------------------------------

GAUSSIAN = {
    "algo": {"name": "a2c_continuous"},
    "model": {"name": "continuous_a2c_logstd"},
    "network": {
        "name": "actor_critic",
        "separate": False,
        "space": {"continuous": {"fixed_sigma": True}},
        "mlp": rig.MLP,
    },
    "config.lr_schedule": "adaptive",
    "config.env_config.agents": 2,
}


def swapped(folder, overrides):
    return swapping.swap(str(file_of(folder, {**GAUSSIAN, **overrides})), "ddpl")


def test_a_swap_to_ddpl_says_where_the_agents_come_from(tmp_path):
    text = swapped(tmp_path, {})
    head = text.partition("params:")[0]
    assert "The agents are read from the environment, where it names them" in head
    assert "network.agents: [{name: NAME, obs: O, act: D}, ...]" in head
    params = yaml.safe_load(text)["params"]
    assert "agents" not in params["network"] and "space" not in params["network"]
    assert params["network"]["mlp"] == rig.MLP
    assert params["config"]["name"] == "point_mass_swapped_ddpl"


@pytest.mark.parametrize(
    ("overrides", "schedule"),
    [
        ({}, "linear"),
        ({"config.max_epochs": rig.ABSENT, "config.max_frames": 256}, "constant"),
        ({"config.lr_schedule": "constant"}, "constant"),
    ],
)
def test_a_swap_to_ddpl_leaves_no_adaptive_rate(tmp_path, overrides, schedule):
    params = yaml.safe_load(swapped(tmp_path, overrides))["params"]
    assert params["config"]["lr_schedule"] == schedule


def test_a_file_swapped_to_ddpl_trains(tmp_path):
    found = yaml.safe_load(swapped(tmp_path, {"config.max_epochs": 1}))
    algo = {"proposals": 2, "policy_epochs": 1, "value_epochs": 1}
    found["params"]["algo"].update(algo)
    found["params"]["config"]["train_dir"] = str(tmp_path / "runs")
    runner = rig.Runner()
    runner.load(copy.deepcopy(found))
    runner.run_train({"train": True, "checkpoint": None})
    assert list((tmp_path / "runs").glob("**/last_*.pth"))


def test_a_trunk_that_a_denoiser_cannot_stand_on_is_refused(tmp_path, capsys):
    path = file_of(tmp_path, {**GAUSSIAN, "network.rnn": rig.LSTM})
    assert cli.main(["swap", str(path), "--policy", "ddpl"]) == 2
    assert "params.network.rnn: a denoiser sees its agent's observation itself" in (
        capsys.readouterr().err
    )
