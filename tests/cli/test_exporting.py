"""``rlg-genpo export`` from run folder to file, and the swap to DDPL; on the point mass."""

import copy
import json

import pytest
import torch
import yaml

from rlg_genpo import cli
from rlg_genpo.cli import swapping
from rlg_genpo.export import files
from tests import rig
from tests.ddpl import teams

OBS = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
NATIVE = {**teams.NATIVE, "config.train_dir": rig.ABSENT}
#: needs no package beside torch, and is traced at once
QUICK = ["--format", "torchscript"]


def file_of(folder, overrides):
    path = folder / "a.yaml"
    path.write_text(yaml.safe_dump(rig.Rig(folder).settings(overrides)))
    return path


def train(folder, overrides):
    path = file_of(folder, {"config.train_dir": rig.ABSENT, **overrides})
    assert cli.main(["train", str(path), "--runs", str(folder), "--name", "run"]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """A run whose agents the environment named, not the YAML."""
    return train(tmp_path_factory.mktemp("native"), NATIVE)


@pytest.fixture(scope="module")
def genpo(tmp_path_factory):
    return train(tmp_path_factory.mktemp("genpo"), {})


@pytest.fixture(scope="module")
def cppo(tmp_path_factory):
    return train(tmp_path_factory.mktemp("cppo"), rig.CPPO)


def player_of(run, obs):
    params = yaml.safe_load((run / "config.yaml").read_text())["params"]
    runner = rig.Runner()
    runner.load({"params": params})
    player = runner.create_player()
    player.restore(str(run / "nn" / "last.pth"))
    player.get_batch_size(obs, 1)
    return player


@pytest.mark.slow
def test_a_run_becomes_an_onnx_file_that_is_verified(genpo, capsys):
    runtime = pytest.importorskip("onnxruntime", reason="the extra export")
    assert cli.main(["export", str(genpo), "--verify"]) == 0
    path = genpo / "exported" / "policy.onnx"
    written, verified = capsys.readouterr().out.splitlines()[-2:]
    assert written == f"written: {path}"
    assert verified.startswith(
        "verified: policy.onnx beside the player on 1008 observations recorded in its simulator: "
        "largest difference "
    )
    session = runtime.InferenceSession(path)
    (found,) = session.run(None, {"observation": OBS.numpy()})
    expected = player_of(genpo, OBS).get_action(OBS, True)
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=0, atol=1e-5)
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["policy"] == "genpo" and int(facts["frames"]) == 256
    assert json.loads(facts["action_low"]) == [-1, -1] and "torch" in json.loads(facts["versions"])


@pytest.mark.parametrize("words", [[], ["--sample"]])
@pytest.mark.parametrize(
    "overrides",
    [
        {"network.rnn": rig.LSTM},
        {"config.env_config.observation": "dict_image", "network.cnn": rig.CNN},
    ],
    ids=["lstm", "dict_image"],
)
def test_a_trunk_is_verified_with_its_states_and_parts(tmp_path, overrides, words, capsys):
    run = train(tmp_path, overrides)
    assert cli.main(["export", str(run), *QUICK, "--verify", *words]) == 0
    beside = "torch with the same noise" if words else "the player"
    assert f"verified: policy.pt beside {beside} on 1008 observations" in capsys.readouterr().out


def test_a_file_that_acts_otherwise_is_reported(genpo, tmp_path, monkeypatch, capsys):
    def runner(path, kind):
        return lambda inputs: [torch.full((len(inputs[0]), 2), 0.5)]

    monkeypatch.setattr(files, "runner", runner)
    assert (
        cli.main(["export", str(genpo), *QUICK, "--out", str(tmp_path / "a.pt"), "--verify"]) == 1
    )
    assert "largest difference" in (said := capsys.readouterr().err) and "above 1e-05" in said


def test_every_agent_is_written(native, capsys):
    assert cli.main(["export", str(native), *QUICK, "--verify"]) == 0
    folder = native / "exported"
    assert [path.name for path in sorted(folder.iterdir())] == ["agent_0.pt", "agent_1.pt"]
    said = capsys.readouterr().out.splitlines()[-4:]
    assert said[:2] == [f"written: {folder / name}.pt" for name in ("agent_0", "agent_1")]
    assert all(line.startswith("verified: agent_") for line in said[2:])


def test_agents_act_alone_as_the_run_does(native, tmp_path):
    assert cli.main(["export", str(native), *QUICK, "--out", str(tmp_path)]) == 0
    both = torch.cat([OBS, OBS.flip(0)], dim=-1)
    together = player_of(native, both).get_action(both, is_deterministic=True)
    parts = [OBS, OBS.flip(0)]
    alone = [torch.jit.load(tmp_path / f"agent_{i}.pt")(parts[i]) for i in range(2)]
    torch.testing.assert_close(torch.cat(alone, dim=-1), together, rtol=0, atol=1e-6)


def test_one_agent_may_be_written_from_a_checkpoint(native, tmp_path):
    checkpoint = str(native / "nn" / "last.pth")
    words = ["export", checkpoint, *QUICK, "--agent", "agent_1", "--out", str(tmp_path / "new")]
    assert cli.main(words) == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["agent_1.pt"]
    assert cli.main(words) == 0  # replaces its own


def test_an_unknown_agent_is_answered_with_those_there_are(native, genpo, tmp_path, capsys):
    assert cli.main(["export", str(native), "--agent", "agent_2", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "--agent agent_2: unknown agent, did you mean" in said
    assert "Known agents: agent_0, agent_1." in said
    assert cli.main(["export", str(genpo), "--agent", "a", "--out", str(tmp_path)]) == 2
    assert "--agent a: this policy is not made of agents" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_deployment_is_exported_by_its_name(cppo, tmp_path, capsys):
    path = tmp_path / "a.pt"
    words = ["export", str(cppo), *QUICK, "--out", str(path), "--deployment"]
    assert cli.main([*words, "flow", "--verify"]) == 0
    held = {files.METADATA: ""}
    torch.jit.load(path, _extra_files=held)
    assert json.loads(held[files.METADATA])["deployment"] == "flow"
    assert cli.main([*words, "residual_sample"]) == 2
    assert "add --sample" in capsys.readouterr().err
    assert cli.main([*words, "flw"]) == 2
    assert "--deployment flw: unknown deployment" in capsys.readouterr().err


def test_a_checkpoint_of_another_policy_is_refused(genpo, tmp_path, capsys):
    path = file_of(tmp_path, NATIVE)
    assert cli.main(["export", str(genpo), "--config", str(path)]) == 2
    assert "The checkpoint holds a genpo policy, but params.algo.name is ddpl" in (
        capsys.readouterr().err
    )


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
