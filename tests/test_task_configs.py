"""The YAML files that we ship: each parses, builds and trains an epoch."""

from pathlib import Path

import pytest
import yaml
from rl_games.torch_runner import Runner

from rlg_genpo.cli import validation
from rlg_genpo.envs import simulator_of

pytestmark = pytest.mark.slow

FILES = sorted((Path(__file__).parents[1] / "task_configs").glob("*.yaml"))
#: an epoch in a second
SMALL = {
    "num_actors": 4,
    "horizon_length": 16,
    "minibatch_size": 32,
    "max_epochs": 1,
    "torch_compile": False,
}

files = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def needs(config):
    """Skip where the simulator is not installed."""
    module = simulator_of(config).module
    if module is not None:
        pytest.importorskip(module)


@files
def test_its_own_keys_are_valid(file):
    params = yaml.safe_load(file.read_text())["params"]
    algorithm = validation.algorithm_of(params)
    assert algorithm is None or algorithm.parse(params)
    needs(params["config"])
    validation.check_batch(params)


@files
def test_it_trains_an_epoch(file, tmp_path):
    settings = yaml.safe_load(file.read_text())
    config = settings["params"]["config"]
    needs(config)
    config.update(SMALL, train_dir=str(tmp_path), device="cpu", device_name="cpu")
    if "central_value_config" in config:
        config["central_value_config"]["minibatch_size"] = SMALL["minibatch_size"]
    if "max_frames" in config:
        del config["max_frames"]
    runner = Runner()
    runner.load(settings)
    runner.run_train({"train": True})
    assert list(tmp_path.glob("*/nn/last_*_ep_1_*.pth"))
