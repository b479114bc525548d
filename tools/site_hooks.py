"""MkDocs hooks: what the site has beside ``docs/``, and formulas that need no network.

The README is the site's first page. A link from a page to a file outside ``docs/``, which works
where the repository is browsed, leads to a page with that file. Formulas are typeset as SVG.
"""

import html
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ziamath
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
#: documents outside docs/, and their pages
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
#: a link to a file, or a block of code, in which none is looked for
LINK = re.compile(
    r"^(?P<fence>`{3,}).*?^(?P=fence)$|\]\((?P<file>(?!\w+:|#)[^)\s#]+)", re.DOTALL | re.MULTILINE
)
#: what pymdownx.arithmatex leaves of a formula, and a comma that must not stand alone on a line
FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>([,.;:)]*)', flags=re.DOTALL
)
#: a name in a docstring, as Sphinx would link it
ROLE = re.compile(r":(?:class|func|meth|mod|attr):<code>~?([^<]*)</code>")
#: pixels, as the body's text
SIZE = 16
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml"}
HEAD = "---\nsearch: {exclude: true}\n---\n"


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of what lies outside ``docs/``, as far as a page leads there."""
    for document, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / document)))
    waiting = [page for page in files.documentation_pages() if not page.generated_by]
    seen: set[str] = set()
    texts = [(origin(page.src_uri), page.content_string) for page in waiting]
    texts += [(name, (ROOT / name).read_text()) for name in PAGES]
    for document, text in texts:
        for target in targets(document, text):
            if target not in seen and page_of(target).startswith("source/"):
                seen.add(target)
                files.append(File.generated(config, page_of(target), content=shown(target)))
                texts += [(target, links_of(target))]
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links between files of the repository into links between pages."""
    document, here = origin(page.file.src_uri), posixpath.dirname(page.file.src_uri)

    def moved(link: re.Match[str]) -> str:
        if link["file"] is None:
            return link[0]
        return "](" + posixpath.relpath(page_of(joined(document, link["file"])), here or ".")

    return LINK.sub(moved, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Typeset the formulas, and read docstrings' roles as code."""
    return FORMULA.sub(typeset, ROLE.sub(r"<code>\1</code>", content))


def origin(page: str) -> str:
    """The file of the repository that a page shows."""
    for document, its_page in PAGES.items():
        if page == its_page:
            return document
    if page.startswith("source/"):
        return page.removeprefix("source/").removesuffix(".md")
    return f"docs/{page}"


def page_of(document: str) -> str:
    """The page, or the picture, that shows a file of the repository."""
    if document.startswith("docs/"):
        return document.removeprefix("docs/")
    return PAGES.get(document, f"source/{document}.md")


def targets(document: str, text: str) -> Iterator[str]:
    """The files of the repository that a document links to."""
    for link in LINK.finditer(text):
        if link["file"] is not None:
            yield joined(document, link["file"])


def joined(document: str, link: str) -> str:
    """The file of the repository that a document's link means."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(document), link))


def shown(document: str) -> str:
    """A page with a file's text, or with links to a folder's files.

    Raises:
        PluginError: it does not exist.
    """
    path = ROOT / document
    if not path.exists():
        raise PluginError(f"{document}: a page links to it, but there is no such file.")
    title = f"{HEAD}# {document}\n\n"
    if path.is_dir():
        return title + links_of(document)
    return f"{title}````{LANGUAGES.get(path.suffix, 'text')}\n{path.read_text()}````\n"


def links_of(document: str) -> str:
    """A list of links to a folder's files; nothing for a file."""
    path = ROOT / document
    files = sorted(p for p in path.rglob("*") if p.suffix in LANGUAGES) if path.is_dir() else []
    names = [file.relative_to(path.parent).as_posix() for file in files]
    return "".join(f"- [{name}]({name})\n" for name in names)


def typeset(formula: re.Match[str]) -> str:
    """A formula as SVG, in the text's colour, with its source for those who cannot see it."""
    source = html.unescape(formula[2]).strip()
    drawn = ziamath.Latex(source, size=SIZE, color="currentColor", inline=formula[1] == "span")
    label = html.escape(source, quote=True)
    attributes = f'role="img" aria-label="{label}" style="vertical-align:{drawn.getyofst():.1f}px"'
    picture = drawn.svg().replace("<svg ", f"<svg {attributes} ", 1)
    return f'<{formula[1]} class="formula">{picture}{formula[3]}</{formula[1]}>'


# Glyphs stand in each formula; as shared symbols their names would meet on a page.
ziamath.config.svg2 = False
