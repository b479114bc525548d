"""Blocks of YAML become dataclasses, or an error with the key, the value and the way out."""

import math
from dataclasses import dataclass

import pytest

from rlg_genpo.common import schema as blocks
from rlg_genpo.common.schema import option
from rlg_genpo.errors import ConfigError


@dataclass(frozen=True)
class Shape:
    count: int = option(3, "how many", blocks.at_least(1))
    share: float = option(0.5, "a part", blocks.within("(0, 1]", 0, 1, True))
    rate: float = option(1e-3, "a step", blocks.positive())
    kind: str = option("round", "a form", blocks.one_of(("round", "flat")))
    units: tuple[int, ...] = option([8, 8], "widths", blocks.widths())
    bold: bool = option(False, "a switch")
    top: float | None = option(None, "a bound, if any", blocks.positive())


@dataclass(frozen=True)
class Needed:
    steps: int = option(blocks.MISSING, "how many steps the flow takes")


def test_defaults_stand_where_nothing_is_given():
    assert blocks.parse(Shape, None, "x") == blocks.parse(Shape, {}, "x") == Shape()
    assert Shape().units == (8, 8)


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        ({"count": 1}, 1),
        ({"rate": "1e-3"}, 1e-3),
        ({"rate": "2"}, 2.0),
        ({"rate": 2}, 2.0),
        ({"share": 1}, 1.0),
        ({"units": [4]}, (4,)),
        ({"units": (4, 5)}, (4, 5)),
        ({"bold": True}, True),
        ({"top": None}, None),
        ({"top": "1e-2"}, 1e-2),
        ({"kind": "flat"}, "flat"),
    ],
)
def test_good_values_are_taken(given, parsed):
    ((name, _),) = given.items()
    value = getattr(blocks.parse(Shape, given, "x"), name)
    assert value == parsed and type(value) is type(parsed)


def test_the_users_mapping_is_left_as_it_was():
    given = {"rate": "1e-3", "units": [4]}
    blocks.parse(Shape, given, "x")
    assert given == {"rate": "1e-3", "units": [4]}


NUMBER = "must be a number, got"
WHOLE = "must be a whole number, got"
EMPTY = ", as the key is left empty; write one, or delete the line."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": 0}, "x.count: must be at least 1, got 0."),
        ({"count": 1.5}, f"x.count: {WHOLE} 1.5."),
        ({"count": 3.0}, f"x.count: {WHOLE} 3.0."),
        ({"count": "3"}, f"x.count: {WHOLE} '3'."),
        ({"count": True}, f"x.count: {WHOLE} True."),
        ({"count": None}, f"x.count: {WHOLE} None{EMPTY}"),
        ({"share": 0}, "x.share: must be in (0, 1], got 0.0."),
        ({"share": 1.01}, "x.share: must be in (0, 1], got 1.01."),
        ({"share": True}, f"x.share: {NUMBER} True."),
        ({"rate": 0}, "x.rate: must be above 0, got 0.0."),
        ({"rate": "fast"}, f"x.rate: {NUMBER} 'fast'."),
        ({"rate": [1]}, f"x.rate: {NUMBER} [1]."),
        ({"rate": math.nan}, f"x.rate: {NUMBER} nan."),
        ({"rate": "inf"}, f"x.rate: {NUMBER} 'inf'."),
        ({"rate": None}, f"x.rate: {NUMBER} None{EMPTY}"),
        ({"kind": "square"}, "x.kind: must be one of round, flat, got square."),
        ({"kind": 1}, "x.kind: must be a word, got 1."),
        (
            {"units": []},
            "x.units: must be a list of one or more layer widths, each at least 1, got [].",
        ),
        (
            {"units": [8, 0]},
            "x.units: must be a list of one or more layer widths, each at least 1, got [8, 0].",
        ),
        ({"units": 8}, "x.units: must be a list, got 8."),
        ({"units": "8"}, "x.units: must be a list, got '8'."),
        ({"units": [8, "a"]}, f"x.units[1]: {WHOLE} 'a'."),
        ({"bold": 1}, "x.bold: must be true or false, got 1."),
        ({"bold": "yes"}, "x.bold: must be true or false, got 'yes'."),
        ({"top": -1}, "x.top: must be above 0, got -1.0."),
        ({"top": False}, f"x.top: {NUMBER} False."),
        ([1], "x: must be a block of keys, got [1]."),
        ("round", "x: must be a block of keys, got 'round'."),
        (
            {"cout": 3},
            "x.cout: unknown key, did you mean 'count'? "
            "Known keys: count, share, rate, kind, units, bold, top.",
        ),
        (
            {"zzz": 3},
            "x.zzz: unknown key. Known keys: count, share, rate, kind, units, bold, top.",
        ),
        ({7: 3}, "x.7: unknown key. Known keys: count, share, rate, kind, units, bold, top."),
    ],
)
def test_bad_values_are_named(given, message):
    with pytest.raises(ConfigError) as error:
        blocks.parse(Shape, given, "x")
    assert str(error.value) == message


def test_a_key_without_default_must_be_given():
    assert blocks.parse(Needed, {"steps": 2}, "x") == Needed(2)
    with pytest.raises(ConfigError) as error:
        blocks.parse(Needed, {}, "x")
    assert str(error.value) == "x.steps: missing; how many steps the flow takes"
