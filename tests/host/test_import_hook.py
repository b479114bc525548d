"""What waits for an import runs once, at its end, and leaves the import as it was."""

import importlib
import sys

import pytest

from rlg_genpo.host import import_hook as imports


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module and returns its name, which nothing has imported yet."""
    monkeypatch.syspath_prepend(str(tmp_path))
    written = []

    def write(source="value = 1\n", name="awaited_module"):
        (tmp_path / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)
        imports._WATCH.actions.pop(name, None)


def test_an_imported_module_is_not_waited_for(module):
    seen = []
    imports.when_imported("json", lambda: seen.append("now"))
    assert seen == ["now"]


def test_the_action_runs_once_when_the_module_has_its_contents(module):
    name, seen = module(), []
    imports.when_imported(name, lambda: seen.append(sys.modules[name].value))
    assert seen == []
    importlib.import_module(name)
    importlib.import_module(name)
    assert seen == [1]


def test_several_actions_run_in_their_order(module):
    name, seen = module(), []
    imports.when_imported(name, lambda: seen.append("first"))
    imports.when_imported(name, lambda: seen.append("second"))
    importlib.import_module(name)
    assert seen == ["first", "second"]


def test_an_import_that_fails_is_waited_for_again(module):
    name, seen = module("raise RuntimeError('no simulator')\n"), []
    imports.when_imported(name, lambda: seen.append("imported"))
    with pytest.raises(RuntimeError, match="no simulator"):
        importlib.import_module(name)
    assert seen == []
    module("value = 1  # mended, and of another length\n")
    importlib.import_module(name)
    assert seen == ["imported"]


def test_a_half_imported_module_is_heard_of_at_its_end(module):
    source = (
        "from rlg_genpo.host import import_hook as imports\n"
        "seen = []\n"
        "imports.when_imported(__name__, lambda: seen.append('complete'))\n"
        "during = list(seen)\n"
    )
    half = importlib.import_module(module(source))
    assert (half.during, half.seen) == ([], ["complete"])


def test_a_half_imported_module_that_fails_is_not_acted_upon(module):
    seen = []
    imports.seen = seen
    source = (
        "from rlg_genpo.host import import_hook as imports\n"
        "imports.when_imported(__name__, lambda: imports.seen.append('complete'))\n"
        "raise RuntimeError('no simulator')\n"
    )
    try:
        with pytest.raises(RuntimeError):
            importlib.import_module(module(source))
    finally:
        del imports.seen
    assert seen == []


def test_nothing_is_left_on_the_import_path_when_all_is_done(module):
    name = module()
    imports.when_imported(name, lambda: None)
    assert imports._WATCH in sys.meta_path
    waiting = set(imports._WATCH.actions) - {name}
    importlib.import_module(name)
    assert (imports._WATCH in sys.meta_path) == bool(waiting)


def test_a_package_is_found_with_its_parts(tmp_path, monkeypatch, module):
    (tmp_path / "awaited_package").mkdir()
    (tmp_path / "awaited_package" / "__init__.py").write_text("from awaited_package import part\n")
    (tmp_path / "awaited_package" / "part.py").write_text("value = 2\n")
    importlib.invalidate_caches()
    seen = []
    name = "awaited_package"
    imports.when_imported(name, lambda: seen.append(sys.modules[name].part.value))
    importlib.import_module(name)
    assert seen == [2]
    for name in ("awaited_package", "awaited_package.part"):
        del sys.modules[name]
