"""A run's plan is kept, and a run is the same from wherever its path is written."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from rlg_genpo import cli
from rlg_genpo.cli import evaluation, rollouts, session
from tests.cli.small import EPOCH, facts_of, state_of, train, written


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of two epochs, with a best checkpoint."""
    folder = tmp_path_factory.mktemp("trained")
    words = [written(folder), "--runs", folder, "--name", "run", "config.save_best_after=1"]
    assert train(*words, "config.max_epochs=2") == 0
    return folder / "run"


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(trained, tmp_path / "runs" / "run"))


@pytest.fixture
def stopping(monkeypatch):
    """Ends training by Ctrl-C after the epochs that are put into it."""
    after_steps, epochs = session.Observer.after_steps, set()

    def interrupting(observer):
        after_steps(observer)
        if observer.algo.epoch_num in epochs:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(session.Observer, "after_steps", interrupting)
    return epochs


@pytest.mark.parametrize("envs", [(8, 2, 16), (8, 4, 8), (8, 24, 8), (8, 3, 7)])
def test_other_environments_keep_the_plan_in_frames(tmp_path, stopping, envs):
    plan, run, words = 12 * EPOCH, tmp_path / "run", ["--resume", tmp_path / "run"]
    begin = [written(tmp_path), "--runs", tmp_path, "--name", "run", "config.max_epochs=12"]
    for count in envs:
        epoch = state_of(run)["epoch"] if run.exists() else 0
        stopping.add(epoch + 2)
        assert train(*(words if run.exists() else begin), "--envs", count) == 130
    stopping.clear()
    assert train(*words) == 0
    frames = state_of(run)["frame"]
    assert plan <= frames < plan + 8 * envs[-1]
    assert facts_of(run)["planned_frames"] == plan


def test_a_plan_that_the_user_changes_is_the_new_one(run):
    assert train("--resume", run, "config.max_epochs=3") == 0
    assert facts_of(run)["planned_frames"] == 3 * EPOCH
    assert train("--resume", run, "--frames", 5 * EPOCH, "--envs", 16) == 0
    assert state_of(run)["frame"] == 5 * EPOCH


PLACES = {
    "relative": (".", "runs/run"),
    "inside": ("runs/run", "."),
    "above": ("runs/run/nn", ".."),
    "nn": ("runs/run/nn", "."),
    "file_inside_nn": ("runs/run/nn", "last.pth"),
    "file": ("runs", "run/nn/last.pth"),
    "dotted": ("runs/run", "../run/"),
    "linked": (".", "link"),
    "linked_file": (".", "link.pth"),
    "inside_link": ("link", "."),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_run_is_found_from_anywhere(run, tmp_path, monkeypatch, place):
    (tmp_path / "link").symlink_to(run)
    (tmp_path / "link.pth").symlink_to(run / "nn" / "last.pth")
    before, (folder, word) = sorted(tmp_path.rglob("*")), PLACES[place]
    monkeypatch.chdir(folder)
    assert train("--resume", word, "--frames", 3 * EPOCH) == 0
    assert state_of(run)["epoch"] == 3
    assert len((run / "progress.csv").read_text().splitlines()) == 4
    new = set(tmp_path.rglob("*")) - set(before)
    assert {path.parent for path in new} <= {run / "nn", run / "summaries"}
    assert cli.main(["eval", word, "--episodes", "1"]) == 0


@pytest.mark.parametrize("word", ["lone.pth", "../here/lone.pth", "link.pth"])
def test_a_lone_checkpoint_is_found_from_anywhere(run, tmp_path, monkeypatch, word):
    here = tmp_path / "here"
    here.mkdir()
    shutil.copy(run / "nn" / "last.pth", here / "lone.pth")
    (here / "link.pth").symlink_to("lone.pth")
    monkeypatch.chdir(here)
    assert train(run / "config.yaml", "--resume", word, "--frames", 3 * EPOCH, "--name", "new") == 0
    assert state_of(here / "runs" / "new")["epoch"] == 3


def test_a_run_that_died_early_goes_on_from_its_newest_whole_checkpoint(run, capsys):
    nn = run / "nn"
    (nn / "last.pth").rename(nn / "last_small_ep_2.pth")
    torn = nn / "last_small_ep_3.pth"
    torn.write_bytes((nn / "small.pth").read_bytes()[:5000])
    os.utime(nn / "small.pth", (1, 1))
    assert train("--resume", run, "--frames", 3 * EPOCH) == 0
    assert "from 128 frames on" in capsys.readouterr().out
    assert state_of(run)["epoch"] == 3


def test_a_run_without_a_whole_checkpoint_says_the_way_out(run, capsys):
    for path in run.glob("nn/*.pth"):
        path.write_bytes(b"")
    (run / "nn" / "last.pth").unlink()
    assert train("--resume", run) == 2
    message = capsys.readouterr().err
    assert "has no nn/last.pth" in message and "another --name" in message


@pytest.mark.parametrize("name", ["a/b", "..", ".", "", "/tmp", " a", "a\nb"])
def test_what_is_no_name_is_refused(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path)
    assert train(path, "--name", name) == 2
    assert "must be a folder's name" in capsys.readouterr().err
    for command in ("train", "check"):
        assert cli.main([command, str(path), f"config.name={json.dumps(name)}"]) == 2
        assert "params.config.name: must be" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["5", "2024-01-01", "1.5", "True", "[a]"])
def test_a_name_that_yaml_reads_as_something_else_is_refused(tmp_path, capsys, name):
    path = tmp_path / "other.yaml"
    path.write_text(written(tmp_path).read_text().replace("name: small", f"name: {name}"))
    for command in ("train", "check"):
        assert cli.main([command, str(path)]) == 2
        assert "params.config.name: must be" in capsys.readouterr().err


def test_a_table_is_of_one_checkpoint(run, monkeypatch, capsys):
    later = run.with_name("later")
    shutil.copytree(run, later)
    assert train("--resume", later, "--frames", 3 * EPOCH) == 0
    make, seen = rollouts.make_player, []

    def replacing(ready, checkpoint, *rest):
        player = make(ready, checkpoint, *rest)
        seen.append(state_of(checkpoint.path)["epoch"])
        shutil.copy(later / "nn" / "last.pth", run / "next.pth")
        os.replace(run / "next.pth", run / "nn" / "last.pth")
        return player

    monkeypatch.setattr(evaluation.rollouts, "make_player", replacing)
    assert cli.main(["eval", str(run), "--episodes", "2"]) == 0
    assert seen == [2, 2]
    assert "runs/run/nn/last.pth, 128 frames" in capsys.readouterr().out
