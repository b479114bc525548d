"""Every difference between rl_games versions: 1.6.1, also as Isaac Lab pins it, 1.6.5, and 2.0.

Asked of rl_games itself, never of a version number, which forks and checkouts do not carry.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import torch
from rl_games.algos_torch.moving_mean_std import GeneralizedMovingStats
from rl_games.algos_torch.running_mean_std import RunningMeanStd, RunningMeanStdObs
from rl_games.common import experience
from torch import Tensor, nn

from rlg_genpo.errors import ConfigError

#: the module whose ``Box`` and ``Dict`` rl_games takes for spaces: up to 1.6.1 the old ``gym``'s
#: alone, since then gymnasium's too
spaces: Any = experience.gym.spaces

#: position of ``frame`` among the arguments of rl_games' ``write_stats``
FRAME_POSITION = 11
#: positions of the update's and the whole epoch's seconds in the result of ``train_epoch``
UPDATE_TIME, EPOCH_TIME = 2, 3
#: ``schedule_type`` of a decision after every minibatch; 2.0 renames the first to the second
PER_MINIBATCH = ("legacy", "per_minibatch")
#: what ``torch.compile`` puts before the names of a module's tensors
COMPILED = "_orig_mod."
#: where a checkpoint keeps the central value's optimiser; 1.6.1 does not
CENTRAL_OPTIMIZER = "assymetric_vf_optimizer"


def compiles() -> bool:
    """Whether ``params.config.torch_compile`` means anything; 1.6.1 ignores it."""
    # Not above: whoever imports this file need not want rl_games' runner.
    from rl_games.torch_runner import Runner

    return "torch_compile" in inspect.getsource(Runner.run_train)


def refuse_space(which: str) -> NoReturn:
    """Say what rl_games leaves unsaid of a space that it did not recognise."""
    raise ConfigError(
        f"params.config.env_name: the environment's {which} space is none that this rl_games takes,"
        f" a Box or Dict of {spaces.__name__}. (1.6.1 takes the old gym's alone, 1.6.5 and later "
        "gymnasium's too.)"
    )


def dict_normaliser(shapes: dict[str, Any]) -> nn.Module:
    """Observation statistics key by key, unscripted: TorchScript cannot compile 1.6.5's."""
    return RunningMeanStdObs(shapes)


def unscript(model: nn.Module) -> None:
    """Put plain normalisers in the place of a model's scripted ones: no exporter traces those.

    Those of dictionaries are plain already, see :func:`dict_normaliser`.
    """
    for name in ("running_mean_std", "value_mean_std"):
        scripted = getattr(model, name, None)
        if isinstance(scripted, torch.jit.ScriptModule):
            state = scripted.state_dict()
            mean = state["running_mean"]
            plain = RunningMeanStd(tuple(mean.shape)).to(mean.device)
            plain.load_state_dict(state)
            setattr(model, name, plain.train(scripted.training))


def aux_loss(network: Any) -> Any:
    """The auxiliary losses by name of rl_games' own network, if any; 1.6.1 of PyPI knows none."""
    return getattr(network, "get_aux_loss", lambda: None)()


def backward(agent: Any, loss: Tensor) -> None:
    """Backpropagate through rl_games' gradient scaler, which 2.0 no longer has."""
    scaler = getattr(agent, "scaler", None)
    (loss if scaler is None else scaler.scale(loss)).backward()


def renames_legacy() -> bool:
    """Whether rl_games knows ``schedule_type: per_minibatch``, which the others would ignore."""
    from rl_games.common.a2c_common import A2CBase

    return PER_MINIBATCH[1] in inspect.getsource(A2CBase)


def averages_advantages() -> bool:
    """Whether ``normalize_rms_advantage`` works; before 2.0 it fails on an argument's name."""
    from rl_games.common.a2c_common import A2CBase

    known = inspect.signature(GeneralizedMovingStats).parameters
    return "momentum" in known or "(1,), momentum=" not in inspect.getsource(A2CBase)


def decides_per_minibatch(agent: Any) -> bool:
    """Whether rl_games calls the schedule after every minibatch, not after every mini-epoch."""
    return agent.schedule_type in PER_MINIBATCH


def adopt_rate(agent: Any) -> None:
    """Go on from the rate that rank 0 decided; before 2.0 the other ranks keep a stale one."""
    agent.last_lr = agent.optimizer.param_groups[0]["lr"]


def slices(agent: Any) -> Iterator[slice]:
    """The rollout's rows, a minibatch at a time, for the observation normaliser."""
    # 1.6.1 divides a slice's variance by its rows less one: a single row makes it NaN.
    size = agent.minibatch_size if agent.minibatch_size > 1 else agent.batch_size
    for start in range(0, agent.batch_size, size):
        yield slice(start, start + size)


def share_statistics(agent: Any) -> None:
    """Let the ranks of a multi-GPU run normalise alike, which 2.0 does and versions before do not.

    By now 2.0 has done it once in this epoch, before our agent took in the rollout. It shares what
    is new since the last time, so that doing it again is harmless.
    """
    getattr(agent, "sync_running_stats", lambda: None)()


def add_update_time(epoch: tuple[Any, ...], seconds: float) -> tuple[Any, ...]:
    """The result of ``train_epoch`` after more work on the update, for true frames per second."""
    result = list(epoch)
    result[UPDATE_TIME] += seconds
    result[EPOCH_TIME] += seconds
    return tuple(result)


def frame_of_stats(agent: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """The frame count that rl_games stamps on an epoch's scalars."""
    return kwargs["frame"] if "frame" in kwargs else args[FRAME_POSITION]


def load_uncompiled(module: nn.Module) -> None:
    """Let a module load its own tensors from before or after ``torch.compile``.

    rl_games restores before it compiles. 2.0 renames what a checkpoint of a compiled run holds,
    1.6.5 only the model and not a central value, 1.6.1 nothing, as it does not compile itself.
    """
    module._register_load_state_dict_pre_hook(_forget_compiling)


def _forget_compiling(state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    for name in [name for name in state if name.startswith(prefix + COMPILED)]:
        state[prefix + name.removeprefix(prefix + COMPILED)] = state.pop(name)


def keep_central_optimizer(agent: Any, state: dict[str, Any]) -> None:
    """Save the optimiser of a central value too, as every version after 1.6.1 does."""
    if agent.has_central_value:
        state.setdefault(CENTRAL_OPTIMIZER, agent.central_value_net.optimizer.state_dict())


def resume_central_optimizer(agent: Any, state: Mapping[str, Any]) -> None:
    """Load it again; for the versions that already have, once more."""
    if agent.has_central_value and CENTRAL_OPTIMIZER in state:
        agent.central_value_net.optimizer.load_state_dict(state[CENTRAL_OPTIMIZER])
