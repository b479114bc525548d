"""``rlg-genpo swap --checkpoint``: a Gaussian's YAML and checkpoint become the new policy's."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from rl_games.torch_runner import Runner

from rlg_genpo import cli
from tests.rig import ABSENT, Run

#: overrides that put rl_games' own Gaussian in GenPO's place
GAUSSIAN = {
    "algo": {"name": "a2c_continuous"},
    "model.name": "continuous_a2c_logstd",
    "network.name": "actor_critic",
    "network.flow": ABSENT,
    "network.space": {
        "continuous": {
            "mu_activation": "None",
            "sigma_activation": "None",
            "mu_init": {"name": "default"},
            "sigma_init": {"name": "const_initializer", "val": -0.5},
            "fixed_sigma": True,
        }
    },
}
each_policy = pytest.mark.parametrize("policy", ["genpo", "cppo"])


@pytest.fixture
def swap(rig, tmp_path, capsys):
    """Calls the command on a trained Gaussian; gives its exit code and what it printed."""
    path = tmp_path / "gaussian.yaml"
    path.write_text(yaml.safe_dump(rig.settings(GAUSSIAN)))
    checkpoint = rig.train(GAUSSIAN).checkpoint()

    def call(*words):
        code = cli.main(["swap", str(path), f"--checkpoint={checkpoint}", *words])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return call


def trained(path: Path, checkpoint: Path) -> Run:
    run = Run()
    runner = Runner(run)
    runner.load(yaml.safe_load(path.read_text()))
    runner.run_train({"train": True, "checkpoint": str(checkpoint)})
    return run


@each_policy
def test_both_files_are_written_and_training_goes_on_from_them(swap, tmp_path, policy):
    out, weights = tmp_path / "new.yaml", tmp_path / "new.pth"
    code, printed = swap(f"--policy={policy}", f"--out={out}")
    assert code == 0
    assert printed.splitlines()[-2:] == [f"written: {weights}", f"written: {out}"]
    state = torch.load(weights, weights_only=False)
    assert (state["epoch"], state["frame"], state["rlg_genpo"]["policy"]) == (0, 0, policy)
    run = trained(out, weights)
    assert run.first_log_ratios()[0].abs().max().item() < 1e-5
    assert run.agent.frame == 2 * 8 * 16 and run.unmoved() == []
    # narrower than a new policy's 1, as the Gaussian was
    assert run.start["a2c_network.policy.base.sigma"].max().item() < -0.4


def test_a_checkpoint_needs_a_file_to_be_written_beside(swap, tmp_path):
    before = sorted(tmp_path.iterdir())
    code, printed = swap()
    assert code == 2 and "--checkpoint: the new one is written beside --out" in printed
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("there", ["new.yaml", "new.pth"])
def test_neither_file_is_overwritten(swap, tmp_path, there):
    (tmp_path / there).write_text("mine")
    code, printed = swap(f"--out={tmp_path / 'new.yaml'}")
    assert code == 2 and f"{there} exists" in printed
    assert [path.name for path in tmp_path.glob("new.*")] == [there]
    assert (tmp_path / there).read_text() == "mine"


#: words that name a policy which does not start as a Gaussian, and the key that says so
OTHERS = {
    "genpo": (["--preset=paper"], "params.network.flow.base: standard"),
    "cppo": (["--policy=cppo", "--preset=paper"], "params.network.flow.base: standard"),
    "ddpl": (["--policy=ddpl"], "params.algo.name"),
}


@pytest.mark.parametrize(("words", "said"), OTHERS.values(), ids=OTHERS)
def test_a_policy_without_base_is_refused_and_nothing_written(swap, tmp_path, words, said):
    code, printed = swap(*words, f"--out={tmp_path / 'new.yaml'}")
    assert code == 2 and f"{said}: such a policy does not start as a Gaussian." in printed
    assert not list(tmp_path.glob("new.*"))


def test_what_is_no_checkpoint_is_refused_and_nothing_written(swap, tmp_path):
    (tmp_path / "mine.txt").write_text("hello")
    code, printed = swap(f"--out={tmp_path / 'new.yaml'}", f"--checkpoint={tmp_path / 'mine.txt'}")
    assert code == 2 and "mine.txt: not a readable checkpoint" in printed
    assert not list(tmp_path.glob("new.*"))


def test_the_new_policys_own_checkpoint_is_refused(swap, tmp_path):
    assert swap(f"--out={tmp_path / 'new.yaml'}")[0] == 0
    code, printed = swap(f"--out={tmp_path / 'again.yaml'}", f"--checkpoint={tmp_path / 'new.pth'}")
    assert code == 2 and "holds no Gaussian of rl_games' continuous PPO" in printed
    assert not list(tmp_path.glob("again.*"))


@pytest.mark.slow
def test_a_process_that_has_imported_nothing_else_swaps(swap, tmp_path):
    (checkpoint,) = tmp_path.glob("*/nn/last_*.pth")
    words = ["swap", str(tmp_path / "gaussian.yaml"), f"--checkpoint={checkpoint}"]
    command = [sys.executable, "-m", "rlg_genpo.cli", *words, f"--out={tmp_path / 'new.yaml'}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new.pth").is_file()
