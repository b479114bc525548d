"""Facts about the parts of the command line."""

import io
import resource
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rlg_genpo import CheckpointError, ConfigError
from rlg_genpo.cli import (
    configs,
    evaluation,
    machine,
    plotting,
    runs,
    training,
    validation,
)
from rlg_genpo.cli.progress import Bar, StopWish
from rlg_genpo.cli.rollouts import Episode, is_reset_step
from rlg_genpo.cli.runs import Run
from rlg_genpo.envs import simulator_of


def params(**config: object) -> dict:
    base = {"num_actors": 8, "horizon_length": 32, "minibatch_size": 128, "env_name": "envpool"}
    algo = {"name": "genpo"}
    return {"seed": 1, "algo": algo, "network": {}, "config": {**base, **config}}


def test_overrides_are_yaml() -> None:
    found = params()
    words = ["params.config.gamma=3e-4", "agent.params.network.mlp.units=[8, 4]", "seed=null"]
    configs.override(found, words)
    assert found["config"]["gamma"] == 3e-4
    assert found["network"]["mlp"] == {"units": [8, 4]}
    assert found["seed"] is None


@pytest.mark.parametrize("text", ["1e-3", "-2E5", "1.5e-3", ".5e+2"])
def test_scientific_notation_is_a_number(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"params: {{x: {text}, y: v5, z: 1e, w: e-3}}")
    found = configs.load(path)
    assert found == {"x": float(text), "y": "v5", "z": "1e", "w": "e-3"}
    path.write_text(configs.dump(found))
    assert configs.load(path) == found


@pytest.mark.parametrize("text", ["a: [", "just words", "params: 3"])
def test_a_file_without_params(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"a\.yaml"):
        configs.load(path)


@pytest.mark.parametrize(("envs", "size"), [(8, 128), (6, 96), (3, 96), (1, 32), (5, 80)])
def test_envs_keep_the_minibatch_a_divisor(
    envs: int, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = params()
    training.set_envs(found, envs)
    assert found["config"]["minibatch_size"] == size
    assert bool(capsys.readouterr().out) == (size != 128)
    validation.check_batch(found)


def test_recurrent_batches_are_whole_sequences() -> None:
    found = params(seq_length=16)
    found["network"]["rnn"] = {}
    training.set_envs(found, 5)
    assert found["config"]["minibatch_size"] == 80
    with pytest.raises(ConfigError, match="horizon_length: 40 must be a multiple of seq_length"):
        validation.check_batch({**found, "config": {**found["config"], "horizon_length": 40}})


def test_frames_are_whole_epochs() -> None:
    config = params(max_frames=7)["config"]
    training.set_frames(config, 257, {"epoch": 0, "frame": 0})
    assert config["max_epochs"] == 2 and "max_frames" not in config
    training.set_frames(config, 1000, {"epoch": 10, "frame": 900})
    assert config["max_epochs"] == 11


def test_a_users_own_yaml_for_isaac_lab_is_recognised() -> None:
    config = params(env_name="rlgpu", name="my_robot", num_actors=-1)["config"]
    simulator = simulator_of(config)
    assert simulator.host == "Isaac Lab" and simulator.task(config) == "rlgpu"
    assert validation.leaves_envs_open(config)
    with pytest.raises(ConfigError, match="with the --task and --agent under which you register"):
        simulator.check(config)


@pytest.mark.parametrize("key", ["device", "max_epochs"])
def test_what_isaac_labs_scripts_read_must_be_there(key: str) -> None:
    found = {**params(env_name="rlgpu", device="cuda:0", max_epochs=3), "env": {}}
    simulator_of(found["config"]).check_file(found)
    del found["config"][key]
    with pytest.raises(ConfigError, match=f"params.config.{key}: missing; Isaac Lab's scripts"):
        simulator_of(found["config"]).check_file(found)


def test_threads_of_the_configuration_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlg_genpo.cli.machine.cores", lambda: 2)
    monkeypatch.setattr("rlg_genpo.common.machine.cores", lambda: 2)
    found = params()
    machine.set_threads(found)
    assert (found["torch_threads"], found["config"]["env_config"]["num_threads"]) == (1, 1)
    found = {**params(env_config={"num_threads": 7}), "torch_threads": 3}
    assert "torch 3, envpool 7" in machine.set_threads(found)


def test_a_held_run_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    with run.held(), pytest.raises(ConfigError, match="another process"), run.held():
        pass
    with run.held():
        pass


def test_runs_are_grouped_by_all_but_the_seed() -> None:
    assert Run(Path("a/x_seed12")).group == "x"
    assert Run(Path("a/x_seedling")).group == "x_seedling"


def test_mean_and_range_over_seeds() -> None:
    x = np.array([0.0, 10.0])
    curve = plotting.merge("x", [(x, 2 * x), (x + 2, 4 * (x + 2))])
    assert (curve.x[0], curve.x[-1]) == (2, 10)
    np.testing.assert_allclose(curve.low, 2 * curve.x)
    np.testing.assert_allclose(curve.high, 4 * curve.x)
    np.testing.assert_allclose(curve.mean, 3 * curve.x)


def test_statistics_of_equal_episodes() -> None:
    found = evaluation.summary([Episode(i, 3.0, 7) for i in range(5)], seed=0)
    assert {found[key] for key in ("mean", "low", "high", "median", "min", "max")} == {3.0}
    assert found["length"] == 7


def test_interval_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(60, 40))
    inside = [low <= 0 <= high for low, high in (evaluation.interval(x, 1) for x in samples)]
    # 95% nominal; 60 trials have a standard deviation of 3%.
    assert np.mean(inside) >= 0.85


def test_reset_steps_are_envpools() -> None:
    assert is_reset_step({"elapsed_step": np.array([0, 3])}, 2).tolist() == [True, False]
    assert not is_reset_step({}, 2).any()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("total", "words"),
    [(2000, ["25%", " 500/2.00k ", " frames/s", "return 12.3"]), (None, ["500 frames", "12.3"])],
)
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_bar_describes_the_run(stream: type[io.StringIO], total: int | None, words: list) -> None:
    bar = Bar(stream(), total)
    bar.show(500, 12.345)
    assert all(word in str(bar) for word in words)
    bar.close()


def test_a_line_every_ten_seconds_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream, now = io.StringIO(), 0.0
    bar = Bar(stream, 100)
    bar._time = lambda: bar.start_t + now
    for now in (4.0, 9.0, 11.0, 12.0, 20.0, 22.0, 23.0):
        bar.show(int(4 * now), None)
    bar.message("warning: something")
    bar.close()
    bar.close()
    lines = stream.getvalue().splitlines()
    starts = [line[:4] for line in lines]
    assert starts == [" 44%", " 88%", "warn", " 92%"] and "return -" in lines[0]
    assert "\r" not in stream.getvalue()


def test_messages_stand_above_the_bar() -> None:
    stream = Terminal()
    bar = Bar(stream, 100)
    bar.show(10, None)
    bar.message("warning: something")
    bar.show(120, None)  # params.config.max_frames may end within an epoch
    bar.close()
    text = stream.getvalue()
    assert "\rwarning: something\n" in text
    assert "100%" in text.rpartition("warning")[2] and text.endswith("\n")


def test_not_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_text("no")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        runs.locate(str(path)).load()


def test_a_second_signal_abandons_the_epoch() -> None:
    stream = io.StringIO()
    before = signal.getsignal(signal.SIGTERM)
    stop = StopWish(Bar(stream, None))
    with stop.heard():
        assert not stop.wished
        signal.raise_signal(signal.SIGTERM)
        assert stop.wished
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert stream.getvalue().count("stopping after this epoch") == 1
    assert signal.getsignal(signal.SIGTERM) is before


def test_plot_leaves_out_folders_without_a_curve(tmp_path, caplog):
    run = tmp_path / "a_seed1"
    run.mkdir()
    (run / "progress.csv").write_text(
        "epoch,frame,wall_seconds,cpu_seconds,mean_return,fps\n1,10,1,1,2.5,9\n2,20,2,2,3.5,9\n"
    )
    (tmp_path / "empty").mkdir()
    found = plotting.plot([str(tmp_path / "empty"), str(run)], tmp_path / "x.png", "frames")
    assert [curve.name for curve in found] == ["a"]
    assert "empty: not a run folder" in caplog.text


def test_peak_memory_is_this_process_own():
    held = torch.ones(25_000_000)  # 100 MB
    peak = machine.peak_memory_mb()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert held.numel() * 4 / 1e6 < peak <= most / (1e6 if sys.platform == "darwin" else 1e3) + 1
