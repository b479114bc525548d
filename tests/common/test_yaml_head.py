"""The text of a policy's YAML is read back as the settings that it was written from."""

from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise
from typing import Any

import pytest
import yaml

from rlg_genpo.algorithm import algorithms
from rlg_genpo.common import yaml_head
from rlg_genpo.common.config import PolicyConfig, block
from rlg_genpo.common.schema import one_of, option

policies = pytest.mark.parametrize("name", list(algorithms()))
REST = "separate: True\nmlp:\n  units: [64]\n"
CONFIG = {"lr_schedule": "constant", "learning_rate": 1e-3}


def read(text: str) -> dict[str, Any]:
    """As plain PyYAML reads it, which is YAML 1.1."""
    return {**yaml.safe_load(text), "config": CONFIG}


@policies
def test_every_option_is_written_with_its_default(name: str) -> None:
    algorithm = algorithms()[name]
    params = read(algorithm.yaml_head({}, REST))
    for _, kind, path in algorithm.config.blocks():
        if is_dataclass(kind):
            here = params
            for key in path.split("."):
                here = here[key]
            assert {option.name for option in fields(kind)} == here.keys() - {"name"}
    network = {key: params["network"][key] for key in ("name", "separate", "mlp")}
    assert network == {"name": algorithm.network_name, **yaml.safe_load(REST)}
    bare = {**params, "algo": {"name": name}, "network": network}
    assert algorithm.settings(params) == algorithm.settings(bare)


@pytest.mark.parametrize(
    ("name", "preset"), [(name, key) for name, one in algorithms().items() for key in one.presets]
)
def test_a_presets_values_are_written(name: str, preset: str) -> None:
    algorithm = algorithms()[name]
    params = read(algorithm.yaml_head(algorithm.presets[preset], REST))
    algorithm.settings(params)
    for path, value in algorithm.presets[preset].items():
        here: Any = params
        for key in path.split("."):
            here = here[key]
        assert here == value


@policies
def test_a_comment_stands_on_one_line_and_lines_are_short(name: str) -> None:
    lines = algorithms()[name].yaml_head({}, REST).splitlines()
    assert max(map(len, lines)) <= yaml_head.WIDTH
    comments = [line.strip().startswith("#") for line in lines]
    assert not any(one and other for one, other in pairwise(comments))


def test_agents_are_written_in_their_order() -> None:
    agents = [{"name": "cart", "obs": 4, "act": 1}, {"name": "pole", "obs": 3, "act": 1}]
    params = read(algorithms()["ddpl"].yaml_head({"network.agents": agents}, REST))
    assert params["network"]["agents"] == agents


def test_a_path_that_is_no_option_is_refused() -> None:
    with pytest.raises(KeyError, match=r"no options of genpo: network\.flow\.step"):
        algorithms()["genpo"].yaml_head({"network.flow.step": 3})


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.5, 1e-5, 1e22, -2.5e-7, (64, 32), "silu", "no", "null", "1e-3", "a: b", "",
     {"name": "x", "obs": 1}],
)  # fmt: skip
def test_a_value_is_read_back_as_it_was(value: Any) -> None:
    found = yaml.safe_load(f"key: {yaml_head.plain(value)}")["key"]
    assert found == (list(value) if isinstance(value, tuple) else value)
    assert isinstance(found, list if isinstance(value, tuple) else type(value))


def test_a_comment_is_the_first_clause_with_a_few_choices() -> None:
    @dataclass(frozen=True)
    class Algo:
        few: str = option("a", "the `rule`; `a`: one; `b`: another", one_of(("a", "b")))
        many: str = option("a", "the letter", one_of(tuple("abcdefgh")))
        long: int = option(1, " ".join(["word"] * 30))

    @dataclass(frozen=True)
    class Config(PolicyConfig):
        algo: Algo = block("algo")

    # The dataclasses of a function's body have hints that only its caller resolves.
    Config.__annotations__["algo"] = Algo
    lines = yaml_head.head(Config, "one", "one_actor_critic", {}).splitlines()
    assert lines[2] == "    few: a                      # the rule: a, b"
    assert lines[3] == "    many: a                     # the letter"
    assert lines[4].startswith("    # word word") and lines[5].startswith("    #   word")
    assert lines[6] == "    long: 1"
