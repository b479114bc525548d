"""Doing something once another module is completely imported, without importing it oneself.

Isaac Lab imports its tasks, rl_games and the old ``gym`` in an order that differs between versions,
and some of them while another is half imported. What must wait, waits here. Standard library only:
this file is loaded while ``import gym`` runs.
"""

import contextlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Action = Callable[[], None]


def is_complete(name: str) -> bool:
    """Whether a module is imported to its end."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    return module is not None and not getattr(spec, "_initializing", False)


def when_imported(name: str, action: Action) -> None:
    """Run ``action`` once, now if the module ``name`` is imported, else as soon as it is.

    A module that is half imported now is heard of when its import has ended.
    """
    if is_complete(name):
        action()
        return
    _WATCH.actions.setdefault(name, []).append(action)
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if type(spec) is ModuleSpec:
        # Half imported: importlib clears this mark of the specification at the import's end.
        spec.__class__ = _Announcing
    if _WATCH not in sys.meta_path:
        sys.meta_path.insert(0, _WATCH)


class _Announcing(ModuleSpec):
    """The specification of a half imported module, which tells when the import has ended.

    No loader can be asked any more at that point; what importlib still does is clear this mark.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "_initializing" and not value and self.name in sys.modules:
            _WATCH._act(self.name)


class _Watch(MetaPathFinder):
    """Finds nothing itself; hears of every import, and acts at the end of those waited for."""

    def __init__(self) -> None:
        self.actions: dict[str, list[Action]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for waited in [waited for waited in self.actions if is_complete(waited)]:
            self._act(waited)
        if name not in self.actions:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next(filter(None, found), None)
        if spec is not None and spec.loader is not None:
            self._act_after(name, spec.loader)
        return spec

    def _act_after(self, name: str, loader: Any) -> None:
        """Act at the end of the import by this loader."""

        def execute_then_act(module: ModuleType) -> None:
            execute(module)
            self._act(name)

        # A loader without a dictionary, or of the old kind without this method, is left as it is;
        # the next import then notices.
        with contextlib.suppress(AttributeError, TypeError):
            execute = loader.exec_module
            loader.exec_module = execute_then_act

    def _act(self, name: str) -> None:
        for action in self.actions.pop(name, []):
            action()
        if not self.actions and self in sys.meta_path:
            sys.meta_path.remove(self)


_WATCH = _Watch()
