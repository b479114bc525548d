"""``rlg-genpo`` from argument to file, on short episodes of a real simulator."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from rlg_genpo import cli
from rlg_genpo.cli import commands, configs, plotting, session
from rlg_genpo.envs import simulator_of

pytest.importorskip("envpool")

SMALL = [
    "--envs=8",
    "config.horizon_length=32",
    "config.minibatch_size=128",
    "config.mini_epochs=2",
    "config.env_config.max_episode_steps=50",
    "config.games_to_track=8",
]
EPOCH = 8 * 32

GAUSSIAN = """
params:
  seed: 3
  algo: {name: a2c_continuous}
  model: {name: continuous_a2c_logstd}
  network:
    name: actor_critic
    separate: False
    space:
      continuous:
        mu_activation: None
        sigma_activation: None
        mu_init: {name: default}
        sigma_init: {name: const_initializer, val: 0}
        fixed_sigma: True
    mlp: {units: [16], activation: elu, initializer: {name: default}}
  config:
    name: gaussian
    env_name: envpool
    env_config: {env_name: Pendulum-v1, max_episode_steps: 30}
    normalize_input: True
    normalize_advantage: True
    reward_shaper: {scale_value: 0.1}
    gamma: 0.95
    tau: 0.95
    learning_rate: 3e-4
    lr_schedule: adaptive
    kl_threshold: 8e-3
    grad_norm: 1.0
    entropy_coef: 0.0
    truncate_grads: True
    e_clip: 0.2
    clip_value: False
    critic_coef: 2
    bounds_loss_coef: 0.0
    mini_epochs: 2
    num_actors: 8
    horizon_length: 32
    minibatch_size: 128
    max_epochs: 3
    save_best_after: 1
"""


def rows_of(run: Path) -> list[dict[str, str]]:
    with (run / "progress.csv").open() as file:
        return list(csv.DictReader(file))


def facts_of(run: Path) -> dict:
    return json.loads((run / "run.json").read_text())


def state_of(run: Path) -> dict:
    return torch.load(run / "nn" / "last.pth", weights_only=False)


def train(*words: str) -> int:
    return cli.main(["train", *words])


@pytest.fixture(scope="module")
def genpo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished GenPO run of two epochs."""
    parent = tmp_path_factory.mktemp("runs")
    assert train("halfcheetah_genpo", *SMALL, f"--frames={2 * EPOCH}", f"--runs={parent}") == 0
    return parent / "halfcheetah_genpo_seed5"


@pytest.fixture(scope="module")
def gaussian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished Gaussian run of three epochs."""
    parent = tmp_path_factory.mktemp("gaussian")
    path = parent / "pendulum.yaml"
    path.write_text(GAUSSIAN)
    assert train(str(path), f"--runs={parent}") == 0
    return parent / "pendulum_seed3"


def test_train_writes_the_run_folder(genpo: Path) -> None:
    for name in ("config.yaml", "run.json", "train.log", "progress.csv", "nn/last.pth"):
        assert (genpo / name).is_file(), name
    assert list((genpo / "summaries").iterdir())
    rows = rows_of(genpo)
    assert [(row["epoch"], row["frame"]) for row in rows] == [("1", "256"), ("2", "512")]
    # Episodes of 50 steps end in the second epoch of 32 steps.
    assert rows[0]["mean_return"] == "" and float(rows[1]["mean_return"])
    facts = facts_of(genpo)
    assert facts["status"] == "finished" and facts["frames"] == 512
    assert facts["versions"]["envpool"] and facts["peak_memory_mb"] > 0
    assert "Disabled" in (genpo / "train.log").read_text()  # torch.compile, on a CPU


def test_config_of_a_run_is_what_was_trained(genpo: Path) -> None:
    params = configs.load(genpo / "config.yaml")
    assert params["config"]["max_epochs"] == 2
    assert params["config"]["num_actors"] == 8
    assert params["config"]["device"] == params["config"]["device_name"] == "cpu"


def test_a_run_is_not_overwritten(genpo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("halfcheetah_genpo", *SMALL, f"--runs={genpo.parent}") == 2
    assert f"--resume {genpo}" in capsys.readouterr().err


def test_a_finished_run_needs_more_frames(genpo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(f"--resume={genpo}") == 0
    assert "is finished at 512 frames" in capsys.readouterr().out
    assert len(rows_of(genpo)) == 2


@pytest.mark.parametrize("kind", ["genpo", "gaussian"])
def test_resume_goes_on(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    run = copied(request.getfixturevalue(kind), tmp_path)
    before = state_of(run)
    before["optimizer"]["param_groups"][0]["lr"] = 2.5e-4
    if kind == "genpo":
        before["rlg_genpo"]["last_lr"] = 2.5e-4
    torch.save(before, run / "nn" / "last.pth")
    seconds = float(rows_of(run)[-1]["wall_seconds"])
    frames = before["frame"] + EPOCH
    assert train(f"--resume={run}", f"--frames={frames}", "config.lr_schedule=constant") == 0
    after = state_of(run)
    assert (after["epoch"], after["frame"]) == (before["epoch"] + 1, frames)
    assert after["optimizer"]["param_groups"][0]["lr"] == 2.5e-4
    assert after["last_mean_rewards"] >= before["last_mean_rewards"]
    rows = rows_of(run)
    assert [int(row["epoch"]) for row in rows] == list(range(1, after["epoch"] + 1))
    assert float(rows[-1]["wall_seconds"]) > seconds
    assert [s["from_frame"] for s in facts_of(run)["sessions"]] == [0, before["frame"]]


def test_resume_with_another_learning_rate(genpo: Path, tmp_path: Path) -> None:
    run = copied(genpo, tmp_path)
    words = ("config.learning_rate=3e-4", "config.lr_schedule=constant", f"--frames={3 * EPOCH}")
    assert train(f"--resume={run}", *words) == 0
    assert state_of(run)["optimizer"]["param_groups"][0]["lr"] == 3e-4


def test_a_resume_that_does_not_fit_changes_nothing(
    genpo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(genpo, tmp_path)
    names = ("config.yaml", "run.json", "progress.csv")
    before = [(run / name).read_bytes() for name in names]
    assert train(f"--resume={run}", "network.flow.units=[8]", f"--frames={3 * EPOCH}") == 2
    assert "network differs" in capsys.readouterr().err
    assert [(run / name).read_bytes() for name in names] == before


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def lone(genpo: Path, tmp_path: Path) -> Path:
    """A checkpoint of two epochs in a folder that is no run's."""
    (tmp_path / "downloads").mkdir()
    return shutil.copy(genpo / "nn" / "last.pth", tmp_path / "downloads" / "lone.pth")


def test_a_lone_checkpoint_begins_a_run_of_its_own(genpo: Path, lone: Path, tmp_path: Path) -> None:
    before = contents(lone.parent)
    words = [*SMALL, f"--frames={3 * EPOCH}", f"--runs={tmp_path / 'R'}", "--name=N"]
    assert train("halfcheetah_genpo", f"--resume={lone}", *words) == 0
    run = tmp_path / "R" / "N"
    assert [path.name for path in (tmp_path / "R").iterdir()] == ["N"]
    assert contents(lone.parent) == before
    assert state_of(run)["epoch"] == 3
    assert [row["epoch"] for row in rows_of(run)] == ["3"]
    facts = facts_of(run)
    assert facts["status"] == "finished"
    assert [s["from_frame"] for s in facts["sessions"]] == [2 * EPOCH]
    # From then on the run is its own.
    assert train(f"--resume={run}", f"--frames={4 * EPOCH}") == 0
    assert [row["epoch"] for row in rows_of(run)] == ["3", "4"]
    assert contents(lone.parent) == before


def test_a_lone_checkpoints_run_is_called_after_its_configuration(
    lone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*SMALL, f"--frames={3 * EPOCH}", "--seed=9"]
    assert train("halfcheetah_genpo", f"--resume={lone}", *words) == 0
    assert state_of(tmp_path / "runs" / "halfcheetah_genpo_seed9")["epoch"] == 3


def test_a_lone_checkpoint_needs_a_configuration_and_a_free_place(
    genpo: Path, lone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(f"--resume={lone}") == 2
    assert f"{lone}: no config.yaml in {lone.parent}; give its CONFIG" in capsys.readouterr().err
    place = [f"--runs={genpo.parent}", f"--name={genpo.name}"]
    before = contents(genpo)
    assert train("halfcheetah_genpo", f"--resume={lone}", *SMALL, *place) == 2
    assert f"{genpo}: a run stands there already" in capsys.readouterr().err
    assert contents(genpo).keys() == before.keys()
    assert (genpo / "run.json").read_bytes() == before["run.json"]


def test_a_lone_checkpoint_that_does_not_fit_leaves_no_run(
    lone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SMALL, f"--frames={3 * EPOCH}", f"--runs={tmp_path / 'R'}", "--name=N"]
    assert train("halfcheetah_genpo", f"--resume={lone}", "network.flow.base=standard", *words) == 2
    assert "params.network.flow.base: the checkpoint's policy was" in capsys.readouterr().err
    assert not (tmp_path / "R" / "N" / "run.json").exists()
    # The place stays free.
    assert train("halfcheetah_genpo", f"--resume={lone}", *words) == 0


def test_rows_after_the_checkpoint_are_trained_again(genpo: Path, tmp_path: Path) -> None:
    run = copied(genpo, tmp_path)
    with (run / "progress.csv").open("a") as file:
        file.write("3,768,9,9,,1\n4,10")
    assert train(f"--resume={run}", f"--frames={3 * EPOCH}") == 0
    assert [row["epoch"] for row in rows_of(run)] == ["1", "2", "3"]
    assert float(rows_of(run)[-1]["wall_seconds"]) != 9


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_saves_and_says_how_to_go_on(number: int, tmp_path: Path) -> None:
    words = ["halfcheetah_genpo", *SMALL, f"--runs={tmp_path}", "--name=stopped"]
    process = subprocess.Popen(
        [sys.executable, "-m", "rlg_genpo.cli", "train", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    run = tmp_path / "stopped"
    deadline = time.monotonic() + 300
    while not (run / "progress.csv").is_file() and time.monotonic() < deadline:
        if process.poll() is not None:
            break  # what it died of is in its output
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "stopping after this epoch" in err and "Traceback" not in err
    assert f"rlg-genpo train --resume {run}" in out
    assert facts_of(run)["status"] == "interrupted"
    state = state_of(run)
    rows = rows_of(run)
    assert (state["epoch"], state["frame"]) == (int(rows[-1]["epoch"]), int(rows[-1]["frame"]))
    command = re.search(r"rlg-genpo (train --resume .*)", out)
    assert command
    more = f"--frames={state['frame'] + EPOCH}"
    assert cli.main([*command[1].split(), more]) == 0
    assert facts_of(run)["frames"] == state["frame"] + EPOCH


def test_play_prints_an_episode_a_line(genpo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["play", str(genpo), "--episodes=2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(re.fullmatch(r"episode +\d+  return +[-\d.]+  length +50", x) for x in lines[:2])
    assert lines[2].endswith("over 2 deterministic episodes")


def test_play_a_checkpoint_away_from_its_run(
    genpo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.pth"
    path.write_bytes((genpo / "nn" / "last.pth").read_bytes())
    assert cli.main(["play", str(path), "--episodes=1"]) == 2
    assert "--config" in capsys.readouterr().err
    config = str(genpo / "config.yaml")
    assert cli.main(["play", str(path), "--episodes=1", "--sample", "--config", config]) == 0


def test_eval_writes_json(gaussian: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "evaluation.json"
    words = ["eval", str(gaussian), "--episodes=70", "--seed=1", "--checkpoint=best"]
    assert cli.main([*words, "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    # 70 episodes are two each of 35 environments.
    assert (report["episodes"], report["environments"]) == (70, 35)
    assert report["checkpoint"].endswith("nn/gaussian.pth")
    assert not Path(report["checkpoint"]).is_absolute()
    for result in report["results"].values():
        assert result["low"] <= result["mean"] <= result["high"]
        # The step on which envpool resets is none of the episode's.
        assert set(result["lengths"]) == {30} and len(result["returns"]) == 70


def test_eval_repeats_itself(genpo: Path) -> None:
    words = ["eval", str(genpo), "--episodes=4", "--json"]
    found = []
    for name in ("a.json", "b.json"):
        assert cli.main([*words, str(genpo.parent / name)]) == 0
        found.append(json.loads((genpo.parent / name).read_text())["results"])
    assert found[0] == found[1]
    assert found[0]["sampled"]["returns"] != found[0]["deterministic"]["returns"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["genpo", "gaussian"])
def test_a_recurrent_policy_trains_and_plays(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = "halfcheetah_genpo" if name == "genpo" else "halfcheetah_ppo"
    rnn = "network.rnn={name: lstm, units: 8, layers: 1}"
    words = [*SMALL, rnn, "config.seq_length=8", f"--frames={2 * EPOCH}", "--name=rnn"]
    assert train(config, *words, f"--runs={tmp_path}") == 0
    assert cli.main(["eval", str(tmp_path / "rnn"), "--episodes=2"]) == 0
    assert "sampled" in capsys.readouterr().out


def test_eval_names_what_is_there(genpo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", str(genpo), "--checkpoint=best"]) == 2
    err = capsys.readouterr().err
    assert "nn/last.pth" in err and "save_best_after" in err


def test_plot_draws_a_picture(genpo: Path, gaussian: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for axis in ("frames", "seconds"):
        out = tmp_path / f"{axis}.png"
        assert cli.main(["plot", str(genpo), str(gaussian), f"--out={out}", f"--x={axis}"]) == 0
        assert out.read_bytes().startswith(b"\x89PNG")


def test_list_shows_every_shipped_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    here, there = capsys.readouterr().out.split("\n\n")
    assert len(here.splitlines()) == 1 + len(configs.shipped())
    assert re.search(r"^halfcheetah_genpo +genpo +HalfCheetah-v5 +64 ", here, re.MULTILINE)
    assert len(there.splitlines()) == 2 + len(configs.for_isaac_lab())
    assert re.search(
        r"^isaaclab/velocity_rough_h1_ppo +gaussian +Isaac-Velocity-Rough-H1-v0 "
        r"+rl_games_cfg_entry_point +3000$",
        there,
        re.MULTILINE,
    )
    assert re.search(
        r"^isaaclab/ant_genpo_paper +genpo +Isaac-Ant-v0 +rl_games_genpo_paper_cfg_entry_point "
        r"+1000$",
        there,
        re.MULTILINE,
    )


def test_check_summarises(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "halfcheetah_genpo", "network.flow.steps=8"]) == 0
    out = capsys.readouterr().out
    assert "12 stored, 6 executed" in out and "HalfCheetah-v5" in out


@pytest.mark.parametrize("name", sorted(configs.shipped() | configs.for_isaac_lab()))
def test_every_shipped_configuration_checks(name: str) -> None:
    simulator = simulator_of(configs.load(configs.find(name))["config"])
    if simulator.module is not None:
        pytest.importorskip(simulator.module)
    assert cli.main(["check", name]) == 0


def test_check_of_isaac_labs_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "isaaclab/ant_genpo", "network.flow.steps=8"]) == 0
    lines = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    found = {key: value.strip() for key, value in lines.items()}
    assert found == {
        "policy": "genpo: 8 steps, mix 0.9, [64, 64], base gaussian",
        "task": "Isaac-Ant-v0 (Isaac Lab)",
        "network": "not built: its size is known from the simulator only",
        "batch": "num_envs * 16 steps; minibatches of num_envs * 8, 4 mini-epochs",
        "schedule": "learning rate 0.0003, adaptive; 500 epochs",
        "device": "cuda:0",
        "train it": "Isaac Lab's train.py with --task Isaac-Ant-v0 --agent "
        "rl_games_genpo_cfg_entry_point",
    }


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("network.flow.steps=0", "params.network.flow.steps: must be at least 1"),
        ("network.flow.stepz=1", "did you mean 'steps'"),
        ("config.num_actors=-2", "params.config.num_actors: must be at least 1, got -2"),
        ("config.horizon_length=30", "minibatch_size_per_env: 8 does not divide horizon_length"),
        ("config.minibatch_size=0", "params.config.minibatch_size: must be at least 1"),
        ("env=null", "params.env: missing"),
    ],
)
def test_check_of_a_bad_configuration_for_isaac_lab(assignment, message, capsys) -> None:
    assert cli.main(["check", "isaaclab/ant_genpo", assignment]) == 2
    assert message in capsys.readouterr().err


def test_check_of_a_known_number_of_environments(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "isaaclab/repose_cube_shadow_openai_lstm_direct_genpo"]
    assert cli.main([*words, "config.num_actors=64"]) == 0
    assert "64 envs * 16 steps = 1024; minibatches of 128" in capsys.readouterr().out
    assert cli.main([*words, "config.num_actors=63"]) == 2
    assert "minibatch_size: 126 must be a multiple of seq_length" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["train", "isaaclab/ant_genpo", "--envs=64", "--frames=1000"],
        ["train", "isaaclab/ant_genpo", "config.num_actors=64"],
        ["play", "isaaclab/ant_genpo"],
        ["eval", "isaaclab/ant_genpo", "--episodes=1"],
    ],
)
def test_isaac_labs_tasks_are_left_to_its_scripts(
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "error: params.config.env_name: rlgpu is made by Isaac Lab's own scripts only; use Isaac "
        "Lab's train.py with --task Isaac-Ant-v0 --agent rl_games_genpo_cfg_entry_point (see "
        "docs/isaaclab.md)."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_isaac_labs_is_left_to_its_scripts(
    genpo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ant_genpo.pth"
    path.write_bytes((genpo / "nn" / "last.pth").read_bytes())
    assert cli.main(["play", str(path), "--config", "isaaclab/ant_genpo"]) == 2
    assert "use Isaac Lab's train.py with --task Isaac-Ant-v0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["halfcheta_genpo"], "did you mean 'halfcheetah_genpo'"),
        (["missing.yaml"], "no file missing.yaml"),
        ([], "CONFIG: missing"),
        (["halfcheetah_genpo", "ant_genpo"], "one CONFIG is enough"),
        (["halfcheetah_genpo", "config.learnin_rate=1"], "did you mean 'learning_rate'"),
        (["halfcheetah_genpo", "networ.flow.steps=1"], "did you mean 'network'"),
        (["halfcheetah_genpo", "seed.x=1"], "is a value, 5, not a block"),
        (["halfcheetah_genpo", "network.flow.stepz=1"], "did you mean 'steps'"),
        (["halfcheetah_genpo", "network.flow.mix=1.5"], "network.flow.mix: must be in"),
        (["halfcheetah_genpo", "algo.name=gempo"], "params.algo.name: unknown, 'gempo', did you"),
        (["halfcheetah_genpo", "model.name=genpoo"], "params.model.name: unknown"),
        (["halfcheetah_ppo", "config.bounds_loss_coef=null"], "bounds_loss_coef: must be a number"),
        (["halfcheetah_genpo", "config.num_actors=0"], "params.config.num_actors: must be"),
        (["halfcheetah_genpo", "config.minibatch_size=3000"], "num_actors * horizon_length"),
        (["halfcheetah_genpo", "config.env_name=envpol"], "did you mean 'envpool'"),
        (["halfcheetah_genpo", "config.env_config.env_name=HalfChetah-v5"], "'HalfCheetah-v5'"),
        (["halfcheetah_genpo", "config.env_config.max_step=5"], "did you mean 'max_episode_steps'"),
        (["halfcheetah_genpo", "--seed=-1"], "params.seed: must be"),
        (["halfcheetah_genpo", "--name=a/b"], "its parent is --runs"),
        (["--resume=nowhere"], "no such run folder or checkpoint"),
    ],
)
def test_bad_input_is_explained(
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert train(*words) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and message in err
    assert list(tmp_path.iterdir()) == []


def test_cuda_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert train("halfcheetah_genpo", "--device=cuda") == 2
    assert "or --device cpu" in capsys.readouterr().err


def test_missing_simulator(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "envpool", None)
    assert train("halfcheetah_genpo") == 2
    assert 'pip install "rlg_genpo[envpool]"' in capsys.readouterr().err


def test_missing_matplotlib(
    genpo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert cli.main(["plot", str(genpo)]) == 2
    assert "pip install 'rlg_genpo[plot]'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "play", "eval", "plot", "list", "check"])
def test_help_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--help"]) == 0
    assert f"example: rlg-genpo {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "halfcheetah_genpo", "--frame-s=3"], "--frame-s"),
        (["train", "halfcheetah_genpo", "--frames=2.5"], "'2.5' is not a whole number"),
        (["train", "halfcheetah_genpo", "--frames=0"], "'0' is not a whole number of at least 1"),
        (["train", "halfcheetah_genpo", "--envs=0"], "--envs"),
        (["eval", "a", "--episodes=-1"], "-1 is not in the range"),
        (["plot", "a", "--x=hours"], "'hours' is not one of"),
        (["trian"], "No such command 'trian'"),
        (["swap", "pendulum_ppo", "--policy=genpoo"], "unknown policy, did you mean 'genpo'?"),
        (["swap", "pendulum_ppo", "--preset=papre"], "unknown preset, did you mean 'paper'?"),
    ],
)
def test_a_misused_command_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], *([name, "--help"] for name in commands.program.commands)]
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys; from rlg_genpo import cli\n"
        f"assert cli.main({words}) == 0\n"
        "assert not {'torch', 'rl_games', 'gymnasium', 'numpy', 'yaml'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_axes_offered_are_those_of_the_plot() -> None:
    (axis,) = [option for option in commands.plot.params if option.name == "x"]
    assert list(axis.type.choices) == list(plotting.AXES)


def test_a_run_goes_on_with_other_random_numbers() -> None:
    assert session.continued_seed(5, 0) == 5
    assert len({session.continued_seed(5, epoch) for epoch in range(20)}) == 20


def copied(run: Path, parent: Path) -> Path:
    """A copy of a run folder that a test may change."""
    return Path(shutil.copytree(run, parent / run.name))


def test_resolved_yaml_is_plain(genpo: Path) -> None:
    document = yaml.safe_load((genpo / "config.yaml").read_text())
    assert document["params"]["network"]["flow"]["steps"] == 2


@pytest.mark.slow
def test_envs_keep_the_runs_length_in_frames(tmp_path, capsys):
    words = ["pendulum_genpo", "--runs", str(tmp_path), "--name", "few", "--envs", "2"]
    small = ["config.horizon_length=16", "config.minibatch_size=32", "config.max_epochs=2"]
    # max_epochs=2 of the YAML's 64 environments are 64 epochs of 2.
    assert cli.main(["train", *words, *small]) == 0
    assert "finished at 2048 frames" in capsys.readouterr().out


def test_a_gaussian_yaml_refuses_a_generative_checkpoint(tmp_path, capsys):
    small = [
        "--envs",
        "2",
        "--frames",
        "64",
        "config.horizon_length=16",
        "config.minibatch_size=32",
    ]
    words = ["pendulum_genpo", "--runs", str(tmp_path), "--name", "ours", *small]
    assert cli.main(["train", *words]) == 0
    checkpoint = str(tmp_path / "ours" / "nn" / "last.pth")
    assert cli.main(["eval", checkpoint, "--config", "pendulum_ppo"]) == 2
    message = capsys.readouterr().err
    assert "holds a genpo policy, but params.algo.name is a2c_continuous" in message


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("config.max_epochs=abc", "params.config.max_epochs: must be a whole number"),
        ("config.gamma=high", "params.config.gamma: must be a number, got 'high'"),
        ("config.normalize_input=abc", "params.config.normalize_input: must be true or false"),
        ("config.reward_shaper=3", "params.config.reward_shaper: must be a block"),
        ("network.mlp.activation=mishh", "network.mlp.activation: must be one of relu"),
    ],
)
def test_check_refuses_what_rl_games_would_trip_over(assignment, message, capsys):
    assert cli.main(["check", "pendulum_genpo", assignment]) == 2
    assert message in capsys.readouterr().err


def test_check_refuses_half_a_swap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = configs.load(configs.find("isaaclab/ant_genpo"))
    params["algo"] = {"name": "a2c_continuous"}
    (tmp_path / "half.yaml").write_text(configs.dump(params))
    assert cli.main(["check", str(tmp_path / "half.yaml")]) == 2
    assert "cannot train params.model.name 'genpo'" in capsys.readouterr().err


def test_check_of_a_users_own_file_for_isaac_lab(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = configs.load(configs.find("isaaclab/ant_genpo"))
    params["config"].update(name="mine", minibatch_size=24576, horizon_length=24)
    del params["config"]["minibatch_size_per_env"]
    (tmp_path / "mine.yaml").write_text(configs.dump(params))
    assert cli.main(["check", str(tmp_path / "mine.yaml")]) == 0
    said = capsys.readouterr().out
    assert "the --task and --agent under which you register this file" in said
    assert "minibatches of 24576: --num_envs must be a multiple of 1024" in said


def test_a_task_of_isaac_lab_is_led_to_its_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["check", "Isaac-Ant-v0"]) == 2
    assert "its configurations are isaaclab/ant_cppo, isaaclab/ant_genpo" in capsys.readouterr().err


def test_a_run_of_isaac_lab_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run" / "nn").mkdir(parents=True)
    for words in (["eval", str(tmp_path / "run")], ["plot", str(tmp_path / "run")]):
        assert cli.main(words) == 2
        assert "play.py --checkpoint plays it, TensorBoard" in capsys.readouterr().err
