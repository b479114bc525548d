"""What a conditional PPO run may execute, by name, through the command line."""

import json
import re
from pathlib import Path

import pytest
import yaml

from rlg_genpo import cli, registration
from rlg_genpo.cli import configs, evaluation, swapping
from rlg_genpo.common.model import build_model
from rlg_genpo.cppo.config import DEPLOYMENTS, AlgoConfig, CPPOConfig, ReferenceFlowConfig
from tests import versions
from tests.cli.test_cli import EPOCH, GAUSSIAN, SMALL, train

pytest.importorskip("envpool")
pytestmark = pytest.mark.slow
if not versions.drives_envpool():
    pytest.skip("this rl_games drives another envpool", allow_module_level=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    frames = [f"--frames={4 * EPOCH}", f"--runs={folder}"]
    for name in ("cppo", "genpo"):
        words = [*SMALL, *frames, f"--name={name}", "--seed=3"]
        assert train(f"pendulum_{name}", *words) == 0
    return folder


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_play_says_what_it_plays(name: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["play", str(runs / "cppo"), "--episodes=1", "--deployment", name]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith(f"over 1 {name.replace('_', ' ')} deterministic episodes")


def test_eval_measures_the_flow_alone_beside_the_policy(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "evaluation.json"
    assert cli.main(["eval", str(runs / "cppo"), "--episodes=4", "--json", str(path)]) == 0
    kinds = ["deterministic", "sampled", "flow_ema_deterministic", "flow_ema_sampled"]
    results = json.loads(path.read_text())["results"]
    assert list(results) == kinds
    assert len({tuple(result["returns"]) for result in results.values()}) == 4
    out = capsys.readouterr().out
    assert all(re.search(rf"^{kind} +-?\d", out, re.MULTILINE) for kind in kinds)


def test_eval_measures_the_deployments_it_is_given(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    words = ["eval", str(runs / "cppo"), "--episodes=4", "--json", str(path)]
    assert cli.main([*words, "--deployment=residual_mean", "--deployment=residual_sample"]) == 0
    results = json.loads(path.read_text())["results"]
    # The default, by its other names: the same noise gives the same actions.
    same = [
        ("deterministic", "residual_mean_deterministic"),
        ("sampled", "residual_sample_sampled"),
    ]
    for default, named in same:
        assert results[default]["returns"] == pytest.approx(results[named]["returns"])
    assert (
        results["residual_sample_deterministic"]["returns"] != results["deterministic"]["returns"]
    )


@pytest.mark.parametrize("command", ["play", "eval"])
def test_an_unknown_deployment_is_refused(
    command: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, str(runs / "cppo"), "--deployment", "flow_emma"]) == 2
    assert capsys.readouterr().err == (
        "error: --deployment flow_emma: unknown deployment, did you mean 'flow_ema'? Known "
        "deployments: residual_mean, residual_sample, flow_ema, flow.\n"
    )
    assert cli.main([command, str(runs / "genpo"), "--deployment", "flow"]) == 2
    assert capsys.readouterr().err == (
        "error: --deployment flow: a policy of algo.name genpo has one deployment only.\n"
    )


def test_other_policies_are_measured_as_before() -> None:
    for config in ("pendulum_genpo", "pendulum_ppo"):
        params = configs.load(configs.find(config))
        names = [kind.name for kind in evaluation.kinds_of(params, [])]
        assert names == ["deterministic", "sampled"]


def test_a_swap_to_cppo_writes_defaults_and_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "mine.yaml", tmp_path / "mine_cppo.yaml"
    path.write_text(GAUSSIAN)
    assert cli.main(["swap", str(path), "--policy", "cppo", "--out", str(out)]) == 0
    settings = CPPOConfig.parse(yaml.safe_load(out.read_text())["params"])
    assert settings.algo == AlgoConfig() and settings.flow == ReferenceFlowConfig()
    assert cli.main(["check", str(out)]) == 0
    assert (
        "cppo: 8 steps, flow [64, 64], residual [64, 64], base gaussian" in capsys.readouterr().out
    )


def test_under_a_trunk_that_must_be_stood_on_a_swap_does_so(tmp_path: Path) -> None:
    document = yaml.safe_load(GAUSSIAN)
    document["params"]["network"]["rnn"] = {"name": "lstm", "units": 8, "layers": 1}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    params = yaml.safe_load(swapping.swap(str(path), "cppo"))["params"]
    registration.register()
    network = build_model(params, CPPOConfig.parse(params), (17,), 6).a2c_network
    assert network.is_rnn() and network.on_features and not network.on_observation
