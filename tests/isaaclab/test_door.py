"""The door: what ``import gym`` adds to Isaac Lab's real task specs, and what it leaves alone."""

import json

import pytest

from rlg_genpo.isaaclab.tasks import BASELINE_KEY, TASKS, agent_key, entry_points, policies

pytestmark = pytest.mark.slow

SPECS = """
import json, sys
import isaaclab
def specs():
    import gymnasium
    kwargs = {i: dict(s.kwargs) for i, s in gymnasium.registry.items() if i.startswith("Isaac")}
    return {i: {k: str(v) for k, v in k_.items()} for i, k_ in kwargs.items()}
def door(): import gym
def tasks(): import isaaclab_tasks
"""
TASKS_THEN_DOOR = SPECS + "tasks(); before = specs(); door(); print(json.dumps([before, specs()]))"
DOOR_THEN_TASKS = SPECS + "door(); tasks(); print(json.dumps(specs()))"


#: what every task with a Gaussian configuration gets, from it
MADE = {agent_key("genpo"), agent_key("cppo")}


@pytest.fixture(scope="module")
def specs(tmp_path_factory, warm):
    """Every Isaac Lab task's kwargs: without the door, and with it opened after the tasks."""
    from tests.isaaclab.conftest import Lab

    lab = Lab(tmp_path_factory.mktemp("lab"), warm)
    done = lab.python("-c", TASKS_THEN_DOOR)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_task_of_ours_is_one_of_isaac_labs(specs):
    before, _ = specs
    assert {f"{names[0]}-v0" for names in TASKS.values()} <= before.keys()


def test_our_keys_are_added_and_nothing_else_is_touched(specs):
    before, after = specs
    assert before.keys() == after.keys()
    for task, kwargs in before.items():
        files = {key: file for key, file in entry_points(task).items() if key not in kwargs}
        assert {**kwargs, **files}.items() <= after[task].items()
        others = after[task].keys() - kwargs.keys() - files.keys()
        gaussian = BASELINE_KEY in after[task]
        assert others == (MADE - files.keys() if gaussian else set()), task


def test_play_tasks_have_the_same_keys(specs):
    _, after = specs
    play = after["Isaac-Velocity-Rough-H1-Play-v0"]
    train = after["Isaac-Velocity-Rough-H1-v0"]
    for key in (BASELINE_KEY, *map(agent_key, ("genpo", "genpo_paper", "cppo"))):
        assert play[key] == train[key]


def test_a_baseline_stands_only_where_isaac_lab_has_none(specs):
    before, after = specs
    for task, kwargs in after.items():
        if task in before and BASELINE_KEY in before[task]:
            assert kwargs[BASELINE_KEY] == before[task][BASELINE_KEY]


def test_the_order_of_imports_makes_no_difference(specs, lab):
    done = lab.python("-c", DOOR_THEN_TASKS)
    after = json.loads(done.stdout.splitlines()[-1])
    keys = {task: list(kwargs) for task, kwargs in after.items()}
    assert keys == {task: list(kwargs) for task, kwargs in specs[1].items()}, done.stderr


def test_every_yaml_that_is_named_resolves_as_isaac_lab_resolves_it(lab):
    code = (
        SPECS
        + """
door(); tasks()
from isaaclab_tasks.utils.parse_cfg import load_cfg_from_registry
for task, kwargs in specs().items():
    for key, file in kwargs.items():
        if file.startswith("rlg_genpo"):
            name = load_cfg_from_registry(task, key)["params"]["config"]["name"]
            assert file.endswith(f":{name}.yaml"), (task, key, name)
            print("resolved", task, key)
"""
    )
    done = lab.python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("resolved ") >= sum(map(len, policies().values()))


def test_without_isaac_lab_the_door_is_silent_and_imports_nothing(lab):
    code = (
        "import sys, logging; logging.basicConfig(level=0); import gym\n"
        "assert 'rlg_genpo.isaaclab' in sys.modules\n"
        "heavy = {'torch', 'rl_games', 'yaml', 'isaaclab'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = lab.python("-c", code, fresh=True)
    assert done.returncode == 0, done.stderr
    assert "rlg_genpo" not in done.stdout + done.stderr


def test_a_made_configuration_is_what_a_swap_of_the_tasks_own_file_gives(lab):
    code = (
        SPECS
        + """
door(); tasks()
from isaaclab_tasks.utils.parse_cfg import load_cfg_from_registry as load
import yaml
from rlg_genpo.cli import configs, validation
made = 0
for task, kwargs in specs().items():
    for key in {KEYS} & kwargs.keys():
        if not kwargs[key].startswith("<function"):
            continue
        ours, own = load(task, key), load(task, "rl_games_cfg_entry_point")
        validation.check_hosted(ours["params"], None, None)
        policy = key.split("_")[2]
        assert ours["params"]["algo"]["name"] == policy
        for block in ("env", "seed"):
            assert ours["params"].get(block) == own["params"].get(block)
        network = ours["params"]["network"]
        for block in ("space", "mlp", "rnn", "cnn"):
            assert network.get(block) == own["params"]["network"].get(block)
        config = {**own["params"]["config"], "name": own["params"]["config"]["name"] + "_" + policy}
        if config["lr_schedule"] not in ("adaptive", "linear", "constant"):
            config["lr_schedule"] = "constant"
        config.pop("seq_len", None)  # a slip, which rl_games ignores
        # 5e-3 is a word to Isaac Lab's loader, and a number after the swap.
        assert ours["params"]["config"] == yaml.load(yaml.dump(config), configs.Loader), task
        made += 1
print("made", made)
""".replace("{KEYS}", repr(MADE))
    )
    done = lab.python("-c", code)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 40


BROKEN = """
import isaaclab, isaaclab_tasks
from rlg_genpo.isaaclab import specs
def broken(): raise RuntimeError("no registry")
specs.add_to_all = broken
import gym
print("gym", gym.__name__)
"""


def test_a_failure_of_ours_never_breaks_an_import(lab):
    done = lab.python("-c", BROKEN)
    assert done.stdout.splitlines()[-1] == "gym gym"
    assert "configurations are not on Isaac Lab's tasks: no registry" in done.stderr


FOREIGN = """
from rl_games.algos_torch import model_builder
model_builder.register_model("genpo", lambda network, **kwargs: None)
from rl_games.torch_runner import Runner
import gym, isaaclab, isaaclab_tasks
print("loaded", "Runner" in dir())
from isaaclab_tasks.utils.parse_cfg import load_cfg_from_registry
load_cfg_from_registry("Isaac-Ant-v0", "rl_games_cfg_entry_point")
print("gaussian resolved")
load_cfg_from_registry("Isaac-Ant-v0", "rl_games_genpo_cfg_entry_point")
"""


def test_another_owner_of_the_name_stops_our_yaml_only(lab):
    done = lab.python("-c", FOREIGN)
    assert "gaussian resolved" in done.stdout
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "rlg_genpo.errors.ConfigError: params.model.name: another package has registered 'genpo'"
    )
