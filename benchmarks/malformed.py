"""Malformed configurations: how many are refused in words. ``python benchmarks/malformed.py``

Shipped YAMLs are broken at one key each (misspelt, dropped, of another type, out of range, twice),
and whole documents are fuzzed by hypothesis. A refusal counts that names the key, the value and a
way out; a traceback never does. Nothing is trained, and no simulator starts.
"""

import argparse
import contextlib
import copy
import io
import logging
import math
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from rlg_genpo.cli import configs, validation
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import keys

KINDS = ("misspelt", "dropped", "retyped", "out of range", "twice")
#: blocks whose keys are others' business: Isaac Lab's scripts', and what older rl_games read
FOREIGN = {("env",), ("load_checkpoint",), ("load_path",)}
#: numbers of which one is out of almost any range
EXTREMES = (-7, 0, -0.5, 1.5, 2**40)
#: what a sentence with a way out has in it
WAYS_OUT = (
    "must be", "must lie", "did you mean", "Known", "missing", "delete", "use ", "Use ", "write",
    "needs", "is the nearest", "at most", "lower it", "does not divide", "set it", "nstall",
)  # fmt: skip

Key = tuple[str, ...]


@dataclass(frozen=True)
class Broken:
    """A configuration with one mistake."""

    source: str  # name of the shipped one
    kind: str
    key: Key  # below ``params``
    value: Any  # what stands there now
    text: str  # the YAML


@dataclass(frozen=True)
class Outcome:
    """What the command line would have said of it."""

    broken: Broken
    refused: bool
    message: str

    @property
    def well(self) -> bool:
        """Whether key, value and way out are named."""
        key = str(self.broken.key[-1])
        shown = self.broken.kind in ("misspelt", "dropped", "twice") or says(
            self.message, self.broken.value
        )
        way_out = any(words in self.message for words in WAYS_OUT)
        return self.refused and key in self.message and shown and way_out


def says(message: str, value: Any) -> bool:
    """Whether a message shows a value, as Python or with few digits."""
    shown = {str(value), repr(value)}
    if isinstance(value, (int, float)) and math.isfinite(value):
        shown |= {f"{value:g}", str(float(value)), str(list([value]))}
    return any(text in message for text in shown)


def leaves(block: dict[str, Any], at: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Every key below ``params`` with its value, blocks too."""
    for key, value in block.items():
        if (*at, key) in FOREIGN:
            continue
        yield (*at, key), value
        if isinstance(value, dict):
            yield from leaves(value, (*at, key))


def parent_of(params: dict[str, Any], key: Key) -> dict[str, Any]:
    for name in key[:-1]:
        params = params[name]
    return params


def refusal(text: str) -> str | None:
    """The sentence that refuses a file with this text; None where it passes."""
    try:
        document = configs.parsed(text)
        examine(document.get("params") if isinstance(document, dict) else None)
    except ConfigError as error:
        return str(error)
    return None


def examine(params: Any) -> None:
    """What ``rlg-genpo check`` does with the ``params`` of a file."""
    if not isinstance(params, dict):
        raise ConfigError("must be a block of keys with `params:` at the top.")
    with contextlib.redirect_stdout(io.StringIO()):
        validation.check_shape(params)
        if validation.simulator_of(params["config"]).host is None:
            validation.check(params)
        else:
            validation.check_settings(params)


def break_at_random(rng: random.Random, sources: list[str], kind: str) -> Broken:
    """A shipped configuration with one mistake of a kind."""
    while True:
        source = rng.choice(sources)
        params = configs.load(configs.find(source))
        key, value = rng.choice(list(leaves(params)))
        made = MAKERS[kind](rng, params, key, value)
        if made is not None:
            named, now, text = made
            return Broken(source, kind, named, now, text)


Made = tuple[Key, Any, str] | None


def misspelt(rng: random.Random, params: dict[str, Any], key: Key, value: Any) -> Made:
    """One letter of a key more, less, other, or exchanged with its neighbour."""
    name, at = key[-1], rng.randrange(len(key[-1]))
    letter = rng.choice("abcdefghijklmnopqrstuvwxyz")
    slip = rng.choice(
        (
            name[:at] + letter + name[at:],
            name[:at] + name[at + 1 :],
            name[:at] + letter + name[at + 1 :],
            name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :],
        )
    )
    block = parent_of(params, key)
    if not slip or slip in block:
        return None
    items = [(slip if old == name else old, kept) for old, kept in block.items()]
    block.clear()
    block.update(items)
    return (*key[:-1], slip), value, dump(params)


def dropped(rng: random.Random, params: dict[str, Any], key: Key, value: Any) -> Made:
    """A key without which rl_games or a policy cannot work."""
    table = keys.table(key[:-1]) or {}
    needed = key[-1] in table and table[key[-1]].needed
    if not needed and key not in (("network", "name"), ("network", "mlp"), ("algo", "name")):
        return None
    del parent_of(params, key)[key[-1]]
    return key, value, dump(params)


def retyped(rng: random.Random, params: dict[str, Any], key: Key, value: Any) -> Made:
    """A number or a switch as a word, a word or a list as a number, a block as one of these."""
    if isinstance(value, bool) or value is None:
        other: Any = rng.choice(("False", "off", 3)) if value is not None else None
    elif isinstance(value, (int, float)):
        other = rng.choice(("many", [value, value], {"value": 1}, True))
    elif isinstance(value, str):
        other = rng.choice((17, [value], {"name": 1}))
    else:
        other = rng.choice((17, "word"))
    if other is None or any_type(key):
        return None
    parent_of(params, key)[key[-1]] = other
    return key, other, dump(params)


def any_type(key: Key) -> bool:
    """Whether a key takes values of several types, so that another type is no mistake."""
    table = keys.table(key[:-1]) or {}
    rule = table.get(key[-1])
    if rule is not None and rule.kind is object and rule.valid is None:
        return key[-1] not in ("algo", "model", "network", "config", "continuous", "name")
    return key in (("config", "lr_schedule"), ("config", "bound_loss_type"))


def out_of_range(rng: random.Random, params: dict[str, Any], key: Key, value: Any) -> Made:
    """A number below or above what may stand there, where there is such a bound."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    block = parent_of(params, key)
    for extreme in rng.sample(EXTREMES, len(EXTREMES)):
        if isinstance(value, int) and not isinstance(extreme, int):
            continue
        block[key[-1]] = extreme
        if has_bound(key, extreme):
            return key, extreme, dump(params)
    return None


def has_bound(key: Key, value: float) -> bool:
    """Whether a number is outside the documented range of a key of rl_games' or of a policy."""
    rule = (keys.table(key[:-1]) or {}).get(key[-1])
    if rule is not None:
        return rule.valid is not None and not rule.valid.holds(value)
    for algorithm in validation.algorithms().values():
        for _, block, path in algorithm.config.blocks():
            options = getattr(block, "__dataclass_fields__", {})
            if tuple(path.split(".")) == key[:-1] and key[-1] in options:
                valid = options[key[-1]].metadata["valid"]
                return valid is not None and not valid.holds(value)
    return False


def twice(rng: random.Random, params: dict[str, Any], key: Key, value: Any) -> Made:
    """A line that stands twice, the second time with the value of another key, or its own."""
    marked = copy.deepcopy(params)
    block = parent_of(marked, key)
    items = [(name, kept) for name, kept in block.items()]
    block.clear()
    for name, kept in items:
        block[name] = kept
        if name == key[-1]:
            block["__twice__"] = kept
    return key, value, dump(marked).replace("__twice__", key[-1])


MAKERS = {
    "misspelt": misspelt,
    "dropped": dropped,
    "retyped": retyped,
    "out of range": out_of_range,
    "twice": twice,
}


def dump(params: dict[str, Any]) -> str:
    return yaml.safe_dump({"params": params}, sort_keys=False)


def judge(broken: Broken) -> Outcome:
    """What the command line says of a file with this text."""
    message = refusal(broken.text)
    return Outcome(broken, message is not None, message or "")


def mutate(count: int, seed: int) -> list[Outcome]:
    """Break ``count`` shipped configurations, as many of each kind."""
    rng = random.Random(seed)
    sources = [*configs.shipped(), *configs.for_isaac_lab()]
    sources = [name for name in sources if refusal(configs.find(name).read_text()) is None]
    return [judge(break_at_random(rng, sources, KINDS[i % len(KINDS)])) for i in range(count)]


#: the fuzzed documents; their simulators are in this package and quick to ask for their spaces
BASES = ("multigoal_genpo", "multigoal_cppo", "multigoal_ppo", "game_ddpl")


def fuzz(count: int, seed: int) -> Counter[str]:
    """Let hypothesis change keys and values at random; anything but a ConfigError is raised.

    Returns:
        How many documents passed and how many were refused.
    """
    import hypothesis
    from hypothesis import strategies

    ends: Counter[str] = Counter()
    documents = [configs.load(configs.find(name)) for name in configs.shipped() if name in BASES]
    paths = [[path for path, _ in leaves(document)] for document in documents]
    known = sorted({path[-1] for own in paths for path in own})
    plain = strategies.one_of(
        strategies.none(),
        strategies.booleans(),
        strategies.integers(-3, 64),
        strategies.sampled_from([2**63, -(2**70), 10**400]),
        strategies.floats(),
        strategies.text(max_size=6),
        strategies.sampled_from([*known, "${x}", "1e-3", "False", "None", ".inf"]),
        strategies.dates(),
    )
    names = strategies.sampled_from(known) | strategies.text(max_size=6) | strategies.integers()
    values = strategies.recursive(
        plain,
        lambda inner: (
            strategies.lists(inner, max_size=3) | strategies.dictionaries(names, inner, max_size=3)
        ),
        max_leaves=5,
    )
    change = strategies.tuples(
        strategies.integers(0, 10**6),
        strategies.sampled_from(("set", "drop", "add")),
        names,
        values,
    )

    letters = strategies.sampled_from([*"{}[]:&*!#|>'\"%@`,?-<= \n\t", "&a ", "*a", "!!int ", "é"])
    edits = strategies.lists(strategies.tuples(strategies.integers(0, 10**6), letters), max_size=2)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(
        strategies.integers(0, len(documents) - 1), strategies.lists(change, max_size=3), edits
    )
    def door(which: int, changes: list[Any], edits: list[tuple[int, str]]) -> None:
        params = copy.deepcopy(documents[which])
        for index, act, name, value in changes:
            path = paths[which][index % len(paths[which])]
            apply(params, path, act, name, value)
        text = yaml.dump({"params": params}, Dumper=configs.Dumper, allow_unicode=True)
        for place, letter in edits:
            text = text[: place % len(text)] + letter + text[place % len(text) :]
        ends["passed" if refusal(text) is None else "refused"] += 1

    door()
    return ends


def apply(params: dict[str, Any], path: Key, act: str, name: Any, value: Any) -> None:
    """Change a document, where the block is still there."""
    block: Any = params
    for key in path[:-1]:
        block = block.get(key) if isinstance(block, dict) else None
    if not isinstance(block, dict):
        return
    if act == "drop":
        block.pop(path[-1], None)
    else:
        block[path[-1] if act == "set" else name] = value


def table(outcomes: list[Outcome]) -> list[str]:
    """Lines of Markdown: how many of each kind were refused, and how many by key and way out."""
    lines = ["| mistake | files | refused | by key, value and way out |", "|---|---|---|---|"]
    for kind in KINDS:
        own = [outcome for outcome in outcomes if outcome.broken.kind == kind]
        refusals, well = (sum(getattr(one, name) for one in own) for name in ("refused", "well"))
        lines.append(f"| {kind} | {len(own)} | {refusals} | {well} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200, help="configurations to break")
    parser.add_argument("--inputs", type=int, default=10_000, help="documents to fuzz")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    outcomes = mutate(options.files, options.seed)
    print("\n".join(table(outcomes)))
    for outcome in outcomes:
        if not outcome.well:
            broken = outcome.broken
            where = ".".join(map(str, broken.key))
            said = re.sub(r"\s+", " ", outcome.message) or "passed"
            print(f"{broken.source}: {where} {broken.kind} ({broken.value!r}): {said}")
    if options.inputs:
        ends = fuzz(options.inputs, options.seed)
        print(
            f"fuzzed: {sum(ends.values())} documents, {ends['refused']} refused in words, "
            f"{ends['passed']} passed, no traceback"
        )


if __name__ == "__main__":
    main()
