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
from importlib.util import find_spec
from types import ModuleType

Action = Callable[[], None]


def is_complete(name: str) -> bool:
    """Whether a module is imported to its end."""
    module = sys.modules.get(name)
    if module is None:
        return False
    return not getattr(getattr(module, "__spec__", None), "_initializing", False)


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

    @property
    def _initializing(self) -> bool:
        return self.__dict__["_initializing"]

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        self.__dict__["_initializing"] = value
        if not value and self.name in sys.modules:
            _WATCH._act(self.name)


class _Watch(MetaPathFinder):
    """Finds nothing itself; hears of every import, and acts at the end of those waited for."""

    def __init__(self) -> None:
        self.actions: dict[str, list[Action]] = {}
        self.searching = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if self.searching:
            return None
        for waited in [waited for waited in self.actions if is_complete(waited)]:
            self._act(waited)
        if name not in self.actions:
            return None
        self.searching = True
        try:
            spec = find_spec(name)
        finally:
            self.searching = False
        if spec is not None and spec.loader is not None:
            self._act_after(spec)
        return spec

    def _act_after(self, spec: ModuleSpec) -> None:
        loader = spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return

        def execute_then_act(module: ModuleType) -> None:
            execute(module)
            self._act(spec.name)

        # A loader without a dictionary keeps its method; the next import then notices.
        with contextlib.suppress(AttributeError, TypeError):
            loader.exec_module = execute_then_act  # type: ignore[union-attr, method-assign]

    def _act(self, name: str) -> None:
        for action in self.actions.pop(name, []):
            action()
        if not self.actions and self in sys.meta_path:
            sys.meta_path.remove(self)


_WATCH = _Watch()
