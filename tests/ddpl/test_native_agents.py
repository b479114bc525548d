"""Several native agents on the command line: rl_games counts their frames, its user does not."""

import json
from pathlib import Path

import pytest
import torch
import yaml

from rlg_genpo import ConfigError, cli
from rlg_genpo.cli import checking, configs, runs, session, validation
from rlg_genpo.cli.runs import Checkpoint, Run
from tests import rig

pytest.importorskip("vmas")

AGENTS, EPOCH = 3, 4 * 8
SPREAD = {"scenario": "simple_spread", "max_steps": 10}
GAUSSIAN = {
    "name": "actor_critic",
    "separate": False,
    "space": {
        "continuous": {
            "mu_activation": "None",
            "sigma_activation": "None",
            "mu_init": {"name": "default"},
            "sigma_init": {"name": "const_initializer", "val": 0},
            "fixed_sigma": True,
        }
    },
    "mlp": rig.MLP,
}
OVERRIDES = {
    "algo.name": "a2c_continuous",
    "model.name": "continuous_a2c_logstd",
    "network": GAUSSIAN,
    "config.name": "spread",
    "config.env_name": "vmas",
    "config.env_config": SPREAD,
    "config.num_actors": 4,
    "config.horizon_length": 8,
    "config.minibatch_size": 48,
    "config.train_dir": rig.ABSENT,
}
TEAM = {
    "algo": {"name": "ddpl"},
    "model.name": "ddpl",
    "network": {"name": "ddpl_actor_critic", "mlp": rig.MLP},
}


def params_with(more=None):
    return rig.Rig(Path()).settings({**OVERRIDES, **(more or {})})["params"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("native")
    file = folder / "spread.yaml"
    file.write_text(yaml.safe_dump({"params": params_with()}))
    assert cli.main(["train", str(file), "--runs", str(folder), "--name", "run"]) == 0
    return folder / "run"


def test_a_checkpoints_frames_are_the_environments(trained):
    checkpoint = Checkpoint(trained / "nn" / "last.pth", Run(trained))
    assert checkpoint.load()["frame"] == 2 * EPOCH * AGENTS
    params = configs.load(trained / "config.yaml")
    assert validation.state_of(checkpoint, params)["frame"] == 2 * EPOCH


def test_eval_says_environment_frames(trained, tmp_path):
    path = tmp_path / "eval.json"
    assert cli.main(["eval", str(trained), "--episodes", "2", "--json", str(path)]) == 0
    assert json.loads(path.read_text())["frames"] == 2 * EPOCH


def test_resume_goes_on_for_environment_frames(trained, capsys):
    assert cli.main(["train", "--resume", str(trained)]) == 0
    assert f"is finished at {2 * EPOCH} frames" in capsys.readouterr().out
    assert cli.main(["train", "--resume", str(trained), f"--frames={3 * EPOCH}"]) == 0
    assert f"from {2 * EPOCH} frames on" in capsys.readouterr().out
    assert json.loads((trained / "run.json").read_text())["frames"] == 3 * EPOCH
    last = runs.read_progress(Run(trained))[-1]
    assert (last["epoch"], last["frame"]) == ("3", str(3 * EPOCH))


def test_max_frames_are_environment_frames(tmp_path):
    file = tmp_path / "spread.yaml"
    ends = {"config.max_epochs": rig.ABSENT, "config.max_frames": 3 * EPOCH}
    file.write_text(yaml.safe_dump({"params": params_with(ends)}))
    assert cli.main(["train", str(file), "--runs", str(tmp_path), "--name", "run"]) == 0
    state = torch.load(tmp_path / "run" / "nn" / "last.pth", weights_only=False)
    assert (state["epoch"], state["frame"]) == (3, 3 * EPOCH * AGENTS)
    assert configs.load(tmp_path / "run" / "config.yaml")["config"]["max_frames"] == 3 * EPOCH


def test_a_joined_team_counts_as_its_environment(tmp_path):
    params = params_with({**TEAM, "config.max_frames": 3 * EPOCH})
    assert validation.rows_per_env(params) == 1
    job = session.Job(Run(tmp_path / "run"), params, None, None, 0, 0, None, None)
    assert session.params_of_session(job)["config"]["max_frames"] == 3 * EPOCH


def test_check_counts_the_agents(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(yaml.safe_dump({"params": params_with()}))
    assert "batch:       4 envs * 8 steps * 3 agents = 96; minibatches of 48" in "\n".join(
        checking.check(str(file), [])
    )
    file.write_text(yaml.safe_dump({"params": params_with({**TEAM, "config.minibatch_size": 32})}))
    said = "\n".join(checking.check(str(file), []))
    assert "batch:       4 envs * 8 steps = 32; minibatches of 32" in said
    assert "observation: (42,)" in said and "action:      6 stored, 6 executed" in said


def test_check_refuses_other_agents_than_the_environments(tmp_path):
    file = tmp_path / "a.yaml"
    agents = [{"name": "one", "obs": 42, "act": 6}]
    network = {**TEAM["network"], "agents": agents}
    overrides = {**TEAM, "network": network, "config.minibatch_size": 32}
    file.write_text(yaml.safe_dump({"params": params_with(overrides)}))
    with pytest.raises(ConfigError, match=r"params\.network\.agents: one .*environment has"):
        checking.check(str(file), [])


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"minibatch_size": 96}, "minibatch_size: 96 does not divide .* = 32; 32 is"),
        ({"minibatch_size_per_env": 3}, "minibatch_size: 12 does not divide .* = 32; 8 is"),
        ({"minibatch_size": 0}, "size: must be at least 1, got 0"),
        ({}, "minibatch_size: missing"),
    ],
)
def test_a_central_critics_minibatches_divide_the_environments_rows(block, message):
    params = params_with({"config.central_value_config": block})
    with pytest.raises(ConfigError, match=rf"params\.config\.central_value_config\..*{message}"):
        validation.check_batch(params)


def test_a_central_critics_minibatches_may_be_all_rows():
    validation.check_batch(params_with({"config.central_value_config": {"minibatch_size": 32}}))
