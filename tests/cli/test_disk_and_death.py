"""A full disk, a kill, a closed terminal and a reader that goes away cost no run."""

import errno
import io
import os
import signal
import subprocess
import sys

import pytest

from rlg_genpo.cli import progress, runs, session
from rlg_genpo.cli.progress import Bar, StopWish
from rlg_genpo.cli.runs import Run
from rlg_genpo.envs.multigoal import MultiGoal
from rlg_genpo.host import disk
from tests.cli.small import EPOCH, facts_of, state_of, train, written

#: the configuration as rl_games' own Gaussian
GAUSSIAN = {
    "algo: {name: genpo}": "algo: {name: a2c_continuous}",
    "model: {name: genpo}": "model: {name: continuous_a2c_logstd}",
    "name: genpo_actor_critic": "name: actor_critic",
    "flow: {steps: 2, units: [16], time_embedding: 4, time_units: [8]}": "space: {continuous: "
    "{mu_activation: None, sigma_activation: None, mu_init: {name: default}, fixed_sigma: True, "
    "sigma_init: {name: const_initializer, val: 0}}}",
}


def gaussian(path):
    for old, new in GAUSSIAN.items():
        path.write_text(path.read_text().replace(old, new))
    return path


@pytest.fixture
def full(monkeypatch):
    """While it holds something, no new byte reaches the disk."""
    closed, write, append = [], disk.write, runs.append_progress

    def unless_full(action):
        def acting(*arguments):
            if closed:
                raise OSError(errno.ENOSPC, "No space left on device")
            action(*arguments)

        return acting

    monkeypatch.setattr(disk, "write", unless_full(write))
    monkeypatch.setattr(runs, "append_progress", unless_full(append))
    monkeypatch.setattr(session, "SAVE_EVERY", 0.0)
    return closed


@pytest.fixture
def at_epoch(monkeypatch):
    """Functions to call in an epoch, by its number."""
    after_steps, calls = session.Observer.after_steps, {}

    def calling(observer):
        after_steps(observer)
        calls.get(observer.algo.epoch_num, lambda: None)()

    monkeypatch.setattr(session.Observer, "after_steps", calling)
    return calls


EVERY_SAVE = ("config.max_epochs=5", "config.save_best_after=1", "config.save_frequency=1")


@pytest.mark.parametrize("policy", ["ours", "gaussian"])
def test_a_full_disk_is_waited_for(tmp_path, full, at_epoch, capsys, policy):
    at_epoch.update({2: lambda: full.append(True), 4: full.clear})
    path = written(tmp_path) if policy == "ours" else gaussian(written(tmp_path))
    assert train(path, "--runs", tmp_path, "--name", "run", *EVERY_SAVE) == 0
    said, run = capsys.readouterr().err, tmp_path / "run"
    assert said.count("was not written (No space left on device)") == 1
    assert "Traceback" not in said
    assert state_of(run)["epoch"] == 5 and facts_of(run)["status"] == "finished"
    assert [row["epoch"] for row in runs.read_progress(Run(run))] == list("12345")
    assert not list(run.rglob("*.tmp"))


@pytest.mark.parametrize("policy", ["ours", "gaussian"])
def test_a_disk_that_stays_full_fails_the_run_with_a_sentence(
    tmp_path, full, at_epoch, capsys, policy
):
    at_epoch[2] = lambda: full.append(True)
    path = written(tmp_path) if policy == "ours" else gaussian(written(tmp_path))
    assert train(path, "--runs", tmp_path, "--name", "run", *EVERY_SAVE) == 1
    said, run = capsys.readouterr(), tmp_path / "run"
    assert "Traceback" not in said.err and f"train --resume {run}" in said.out
    facts = facts_of(run)
    assert (facts["status"], facts["frames"]) == ("failed", EPOCH)
    assert state_of(run)["epoch"] == 1 and not list(run.rglob("*.tmp"))
    full.clear()
    at_epoch.clear()
    assert train("--resume", run) == 0
    assert [row["epoch"] for row in runs.read_progress(Run(run))] == list("12345")


def test_ctrl_c_ends_a_run_on_a_full_disk(tmp_path, full, at_epoch, capsys):
    at_epoch.update({2: lambda: full.append(True), 4: lambda: os.kill(os.getpid(), signal.SIGTERM)})
    words = [written(tmp_path), "--runs", tmp_path, "--name", "run", "config.max_epochs=1000"]
    assert train(*words) == 130
    facts = facts_of(tmp_path / "run")
    assert (facts["status"], facts["frames"]) == ("interrupted", 3 * EPOCH - 2 * EPOCH)


def test_a_disk_that_was_full_from_the_start_refuses_the_run(tmp_path, full, capsys):
    full.append(True)
    assert train(written(tmp_path), "--runs", tmp_path, "--name", "run") == 2
    said = capsys.readouterr().err
    assert "error: " in said and "No space left on device" in said and "Traceback" not in said


@pytest.mark.parametrize("content", ["", '{"status": "fin', "\0" * 400, "[1, 2]", "null", "5"])
def test_facts_that_are_torn_are_none(tmp_path, content):
    run = tmp_path / "run"
    assert train(written(tmp_path), "--runs", tmp_path, "--name", "run") == 0
    (run / "run.json").write_text(content)
    (run / "progress.csv").write_text(content)
    assert train("--resume", run, "--frames", 5 * EPOCH) == 0
    facts = facts_of(run)
    assert facts["status"] == "finished" and len(facts["sessions"]) == 1
    assert [row["epoch"] for row in runs.read_progress(Run(run))] == ["5"]


def test_what_a_kill_amid_a_save_left_is_removed(tmp_path):
    run = tmp_path / "run"
    assert train(written(tmp_path), "--runs", tmp_path, "--name", "run") == 0
    left = [run / ".run.json.tmp", run / "nn" / ".last.pth.tmp"]
    for path in left:
        path.write_bytes(b"half")
    assert train("--resume", run, "--frames", 5 * EPOCH) == 0
    assert not any(path.exists() for path in left)


def test_no_run_that_died_says_that_it_runs(tmp_path, at_epoch):
    seen = []
    at_epoch[2] = lambda: seen.append(facts_of(tmp_path / "run"))
    assert train(written(tmp_path), "--runs", tmp_path, "--name", "run") == 0
    # Where a SIGKILL comes, this is the last word.
    assert seen[0]["status"] == "started" and seen[0]["pid"] == os.getpid()
    assert facts_of(tmp_path / "run")["status"] == "finished"


@pytest.fixture
def in_a_terminal():
    """SIGHUP as a terminal's program has it, also where the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("in_a_terminal")
@pytest.mark.parametrize("numbers", [[signal.SIGHUP], [signal.SIGHUP] * 2, [15, signal.SIGHUP]])
def test_a_closed_terminal_is_saved_and_said(tmp_path, at_epoch, numbers):
    at_epoch[3] = lambda: [os.kill(os.getpid(), number) for number in numbers]
    words = [written(tmp_path), "--runs", tmp_path, "--name", "run", "config.max_epochs=1000"]
    assert train(*words) == 130
    run = tmp_path / "run"
    assert state_of(run)["epoch"] == 3 and facts_of(run)["status"] == "interrupted"
    log = (run / "train.log").read_text()
    assert "stopping after this epoch" in log and "interrupted at 192 frames" in log


def test_nohup_is_left_alone():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopWish(Bar(io.StringIO(), None)).heard():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


class Failing(io.StringIO):
    """A stream that fails from the moment it is told to."""

    error: OSError | None = None

    def write(self, text):
        if self.error:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize(
    "error, stops",
    [
        (BrokenPipeError(), True),
        (OSError(errno.EIO, ""), False),
        (OSError(errno.ENOSPC, ""), False),
    ],
)
def test_a_reader_that_goes_away_ends_the_run_and_a_full_disk_does_not(
    tmp_path, monkeypatch, at_epoch, error, stops
):
    stream = Failing()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)

    def break_it():
        stream.error = error

    at_epoch[2] = break_it
    words = [written(tmp_path), "--runs", tmp_path, "--name", "run"]
    assert train(*words) == (130 if stops else 0)
    run = tmp_path / "run"
    assert state_of(run)["epoch"] == (2 if stops else 4)
    assert ("nobody reads this any more" in (run / "train.log").read_text()) == stops


@pytest.mark.slow
def test_head_ends_a_run_in_good_order(tmp_path):
    """The same with a real pipe: no traceback, and the exit code is Ctrl-C's."""
    program = "import sys; from rlg_genpo.cli import main, progress; progress.LINE_EVERY = 0.5; "
    program += "sys.exit(main(sys.argv[1:]))"
    words = [written(tmp_path), "--runs", tmp_path, "--name", "run", "config.max_epochs=100000"]
    train_it = subprocess.Popen(
        [sys.executable, "-c", program, "train", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert train_it.stdout is not None
    for _ in range(4):
        assert b"Traceback" not in train_it.stdout.readline()
    train_it.stdout.close()
    assert train_it.wait(60) == 130
    assert facts_of(tmp_path / "run")["status"] == "interrupted"
    assert "interrupted at" in (tmp_path / "run" / "train.log").read_text()


def test_a_bad_number_of_the_simulator_loses_no_epoch(tmp_path, monkeypatch, capsys):
    step, count = MultiGoal.step, []

    def failing(self, actions):
        seen, *rest = step(self, actions)
        count.append(0)
        if len(count) == 2 * 8 + 3:  # in the third epoch's rollout
            seen[5, 1] = float("inf")
        return seen, *rest

    monkeypatch.setattr(MultiGoal, "step", failing)
    assert train(written(tmp_path), "--runs", tmp_path, "--name", "run") == 1
    said, run = capsys.readouterr().err, tmp_path / "run"
    assert "observation, component 1, is inf in environment 5 at step 3 of 8 in epoch 3" in said
    assert facts_of(run)["status"] == "failed" and facts_of(run)["frames"] == 2 * EPOCH
    assert state_of(run)["epoch"] == 2 and state_of(run)["frame"] == 2 * EPOCH
    assert train("--resume", run) == 0
    assert [row["epoch"] for row in runs.read_progress(Run(run))] == list("1234")
