"""Checkpoint files of anybody: read as data, refused by name, and never run."""

import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from rlg_genpo.cli import main
from rlg_genpo.errors import CheckpointError
from rlg_genpo.host import files

RUNS_CODE = "os.makedirs"


class Harmless:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.makedirs, (str(self.folder),)


class Thing:
    """Something of somebody's own."""


def written(path, **held):
    torch.save({"model": {"w": torch.ones(2)}, "epoch": 1, "frame": 8, **held}, path)
    return path


@pytest.mark.parametrize("value", [np.float64(2.5), np.float32(2.5), np.int64(7), np.bool_(True)])
def test_what_rl_games_writes_is_read(tmp_path, value):
    path = written(tmp_path / "a.pth", last_mean_rewards=value, env_state=None)
    state = files.read(path)
    assert state["last_mean_rewards"] == value
    assert state["last_mean_rewards"].dtype == value.dtype
    assert torch.equal(state["model"]["w"], torch.ones(2))


def test_a_scalar_of_the_other_numpy_is_read(tmp_path, monkeypatch):
    # numpy 1 and 2 pickle it under other names; the file is made under one, and one is the other.
    path = written(tmp_path / "a.pth", best=np.float64(3))
    names = [scalar.__module__ for scalar in files.ALLOWED[:2]]
    assert set(names) == set(files.MODULES)
    for scalar in files.ALLOWED[:2]:
        assert scalar(np.dtype("f4"), np.float32(1.5).tobytes()) == 1.5
        with pytest.raises(TypeError):
            scalar(np.dtype("O"), b"")
    assert files.read(path)["best"] == 3


@pytest.mark.parametrize(
    ("held", "name"),
    [
        (Thing(), "tests.host.test_files.Thing"),
        (Path("x"), "pathlib"),
        (os.path.join, "path.join"),
        (np.zeros(3), "numpy"),
        (np.array([Thing()]), "numpy"),
    ],
)
def test_anything_else_is_named(tmp_path, held, name):
    path = written(tmp_path / "a.pth", env_state=held)
    with pytest.raises(CheckpointError, match=rf"a\.pth: holds .*{name}.* beside tensors"):
        files.read(path)


def test_code_does_not_run(tmp_path):
    folder = tmp_path / "made"
    path = written(tmp_path / "a.pth", env_state=Harmless(folder))
    with pytest.raises(CheckpointError, match=rf"a\.pth: holds {RUNS_CODE} beside tensors"):
        files.read(path)
    assert not folder.exists()
    torch.load(path, weights_only=False)
    assert folder.exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 half"])
def test_what_is_no_checkpoint_is_said(tmp_path, content):
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.pth: not a readable checkpoint \(.*\)\."):
        files.read(path)


def test_other_data_and_no_file_are_said(tmp_path):
    torch.save([1, 2], tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds list, not the dictionary"):
        files.read(tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"b\.pth: cannot be read \(No such file"):
        files.read(tmp_path / "b.pth")
    with pytest.raises(CheckpointError, match="cannot be read"):
        files.read(tmp_path)


def test_plain_containers_are_read(tmp_path):
    held = {"a": [1, 2.0, "x", None, True], "b": (1,), "c": OrderedDict(d={3})}
    assert files.read(written(tmp_path / "a.pth", held=held))["held"] == held


def test_within_the_context_others_read_safely_too(tmp_path):
    good, bad = written(tmp_path / "a.pth"), written(tmp_path / "b.pth", x=Harmless(tmp_path / "m"))
    load = torch.load
    with files.opened(good) as state:
        assert torch.load(str(good), weights_only=False) is state
        with pytest.raises(CheckpointError):
            torch.load(bad, weights_only=False)
    assert torch.load is load and not (tmp_path / "m").exists()


@pytest.fixture
def poisoned(rig, tmp_path):
    """A checkpoint of a run that makes a folder where somebody unpickles it as it is."""

    def of(**overrides):
        path = rig.train(overrides).checkpoint()
        state = torch.load(path, weights_only=False)
        state["env_state"] = Harmless(tmp_path / "made")
        torch.save(state, path)
        return path

    return of


def test_agents_and_players_refuse_what_runs_code(rig, poisoned, tmp_path):
    path = poisoned()
    # The checkpoint is rl_games' to read: its agent, its player, and a worker that watches.
    with pytest.raises(CheckpointError, match=RUNS_CODE):
        rig.train(checkpoint=path)
    with pytest.raises(CheckpointError, match=RUNS_CODE):
        rig.player(checkpoint=path)
    player = rig.player()
    player.checkpoint_to_load = path
    with pytest.raises(CheckpointError, match=RUNS_CODE):
        player.maybe_load_new_checkpoint()
    assert not (tmp_path / "made").exists()


def test_every_command_refuses_what_runs_code(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["config.max_epochs=2", "--envs", "8"]
    assert main(["train", "multigoal_genpo", "--name", "a", *words]) == 0
    last = Path("runs/a/nn/last.pth")
    state = torch.load(last, weights_only=False)
    torch.save({**state, "env_state": Harmless(tmp_path / "made")}, last)
    gaussian = ["swap", "multigoal_ppo", "--out", "b.yaml", "--checkpoint", str(last)]
    for command in (
        ["play", "runs/a"],
        ["eval", "runs/a"],
        ["train", "--resume", "runs/a", "--frames", "100000"],
        gaussian,
    ):
        assert main(command) != 0
        assert f"{last}: holds {RUNS_CODE} beside" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
