"""Numbers that training cannot take in: found before anything has absorbed, stepped or saved them.

A rollout is looked at as a whole, once, when it is complete and before the update: an operation or
two for each of its tensors, and one look at their result. T steps, B rows of a step (an
environment's agents one after another).
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rlg_genpo.errors import ConfigError, DivergedError, SimulatorError

#: what is larger counts as infinite: the squares of a rollout's numbers must have a sum in float32,
#: or their variance, and with it a normaliser, is lost
LARGEST = 1e16


class Part(NamedTuple):
    """Some of a rollout's numbers; parts stand in the order in which a step brings them about."""

    what: str
    values: Tensor  # (T, B, ...)
    given: bool  # by the simulator, and not by the policy
    first: int = 0  # the step of values[0]


class Found(NamedTuple):
    """The first number that cannot be taken in."""

    part: Part
    step: int
    row: int
    place: tuple[int, ...]  # within the row
    rows: int  # how many (step, row) of the part are alike

    @property
    def value(self) -> float:
        index = (self.step - self.part.first, self.row, *self.place)
        return float(self.part.values[index])

    def words(self) -> str:
        """What it is, as the subject of a sentence."""
        part, place = self.part.values, self.place
        which = f", component {place[0] if len(place) == 1 else place}" if part[0, 0].dim() else ""
        number = f"{self.value:g}" if math.isfinite(self.value) else str(self.value)
        return f"{self.part.what}{which}, is {number}"


# -- the looks ------------------------------------------------------------------------------------


@torch.no_grad()
def extremes(tensors: Iterable[Tensor]) -> Tensor:
    """Smallest and largest number of each tensor, (2 n,); a NaN is both. Integers are left out."""
    looked = [t for t in tensors if t.is_floating_point() and t.numel()]
    return torch.cat([torch.stack(torch.aminmax(t)).double() for t in looked])


def agreed(agent: Any, well: Tensor) -> bool:
    """Whether a flag, 0-d, holds on all ranks of a multi-GPU run: all must stop together."""
    if agent.multi_gpu:
        well = well.float()
        torch.distributed.all_reduce(well, torch.distributed.ReduceOp.MIN)
    return bool(well)


def refuse_rollout(agent: Any) -> None:
    """Stop a run whose rollout holds what must not be learned from.

    Raises:
        SimulatorError: the simulator gave it; names what it was, where, and the whole checkpoint.
        DivergedError: the policy did.
    """
    parts = list(parts_of(agent))
    well = (extremes(part.values for part in parts).abs() <= LARGEST).all()
    if agreed(agent, well):
        return
    found = first(parts)
    if found is None:
        raise SimulatorError(
            f"Another process of this run met a number {here(agent)} that cannot be learned from; "
            "its own message says which."
        )
    agents = found.part.values.shape[1] // agent.num_actors
    environment = f"environment {found.row // agents}"
    if agents > 1:
        environment += f" (agent {found.row % agents})"
    where = f"in {environment} at step {found.step} of {agent.horizon_length} {here(agent)}"
    if not found.part.given:
        raise DivergedError(
            f"The policy diverged: its {found.words()} {where}. params.config.learning_rate is "
            f"{agent.config['learning_rate']}, now {agent.last_lr:g}; lower it. {whole(agent)}"
        )
    raise SimulatorError(
        f"The simulator's {found.words()} {where}, in {found.rows} of the rollout's rows. Nothing "
        f"of this rollout was learned; mend the simulator or the task. {whole(agent)}"
    )


def refuse_state(agent: Any, state: Mapping[str, Any], together: bool) -> None:
    """Stop a run whose networks or statistics are not finite any more, before they are used.

    Args:
        together: whether every rank of a multi-GPU run is here.

    Raises:
        DivergedError: names what is not finite, and the whole checkpoint.
    """
    well = extremes(value for _, value in tensors_of(state)).isfinite().all()
    if agreed(agent, well) if together else bool(well):
        return
    raise DivergedError(
        f"{not_finite(state) or 'A tensor of another process'} is no longer finite {here(agent)}, "
        f"and is not saved. params.config.learning_rate is {agent.config['learning_rate']}, now "
        f"{agent.last_lr:g}; lower it, or bound what the simulator gives. {whole(agent)}"
    )


def changing(module: nn.Module) -> dict[str, Tensor]:
    """What training changes of a module: parameters and statistics.

    Other buffers are the network's own business, such as a mask of -inf.
    """
    statistics = {
        name: value
        for name, value in module.named_buffers()
        if name.rpartition(".")[2].startswith("running_")
    }
    return {**dict(module.named_parameters()), **statistics}


def not_finite(state: Any) -> str | None:
    """The path of a tensor in a nested state that is not finite; None where all are."""
    return next((name for name, value in tensors_of(state) if not value.isfinite().all()), None)


def refuse_bounds(low: Tensor, high: Tensor) -> None:
    """Refuse an action space, (D,) both, to which nothing can be scaled."""
    reach = torch.maximum((high - low).abs(), (high + low).abs())
    bad = (~(reach <= LARGEST)).nonzero().flatten().tolist()
    if bad:
        raise ConfigError(
            f"params.config.clip_actions: actions are scaled to the environment's action space, "
            f"whose component {bad[0]} goes from {low[bad[0]]:g} to {high[bad[0]]:g}: nothing can "
            "be scaled to that. Give the space finite bounds (in Isaac Lab params.env.clip_actions "
            "sets them, to 1.0 for example), or set params.config.clip_actions: False, for actions "
            "that go out as the policy chooses them."
        )


# -- what is looked at ----------------------------------------------------------------------------


def parts_of(agent: Any) -> Iterator[Part]:
    """What a rollout holds, and the observation after it, which values are bootstrapped from."""
    stored, last = agent.experience_buffer.tensor_dict, agent.obs
    ends = agent.horizon_length
    for key, name in (("obses", "observation"), ("states", "state")):
        if key in stored:
            yield from named_parts(name, stored[key], 0)
    yield Part("action", stored["actions"], False)
    yield Part("value", stored["values"], False)
    yield Part("reward", stored["rewards"], True)
    for key, name in (("obs", "observation"), ("states", "state")):
        if key in last:
            yield from named_parts(name, last[key], ends)
    # A shaper may hide a bad reward; a sum that was not finite once is so until here.
    for sums in (agent.current_rewards, agent.current_shaped_rewards):
        yield Part("sum of an episode's rewards", sums.unsqueeze(0), True, ends)


def named_parts(name: str, values: Any, first: int) -> Iterator[Part]:
    """An observation's tensors; ``values`` are of one step, without T, where ``first`` is not 0."""
    parts = values if isinstance(values, Mapping) else {None: values}
    for key, value in parts.items():
        what = name if key is None else f"{name} {key!r}"
        yield Part(what, value.unsqueeze(0) if first else value, True, first)


def tensors_of(state: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of floating point of a nested state, by its path."""
    if isinstance(state, Tensor):
        if state.is_floating_point():
            yield name, state
    elif isinstance(state, Mapping):
        for key, value in state.items():
            yield from tensors_of(value, f"{name}.{key}" if name else str(key))
    elif isinstance(state, (list, tuple)):
        for index, value in enumerate(state):
            yield from tensors_of(value, f"{name}[{index}]")


def first(parts: Iterable[Part]) -> Found | None:
    """The earliest number that cannot be taken in; within a step, that of the first part."""
    earliest: Found | None = None
    for part in parts:
        if not part.values.is_floating_point():
            continue
        bad = ~(part.values.abs() <= LARGEST)
        rows = bad.flatten(2).any(dim=-1) if bad.dim() > 2 else bad
        if not rows.any():
            continue
        step, row = rows.nonzero()[0].tolist()
        if earliest is None or part.first + step < earliest.step:
            place = bad[step, row].nonzero()[0].tolist()
            earliest = Found(part, part.first + step, row, tuple(place), int(rows.sum()))
    return earliest


# -- words ----------------------------------------------------------------------------------------


def here(agent: Any) -> str:
    return f"in epoch {agent.epoch_num}"


def whole(agent: Any) -> str:
    """A sentence about the checkpoint to go on from: all that were written are of before."""
    written = sorted(Path(agent.nn_dir).glob("*.pth"), key=lambda path: path.stat().st_mtime)
    if not written:
        return "No checkpoint had been written yet."
    return f"The newest checkpoint, {written[-1]}, is of before and whole."
