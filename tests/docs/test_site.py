"""The site, by its own configuration, made of a few pages: what a forge would find is found, what is dead fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ..project.test_recipes import blocks

ROOT = Path(__file__).parents[2]
HOME = """\
# Home

## What is `here`?

<a id="a.b-c"></a>

[a](page.md#a-heading) [b](#what-is-here) [c](#a.b-c)
"""
PAGE = """\
# Page

## A heading

[a](index.md#a.b-c) [b](../cases/empty) [c](../cases/one.yaml) [d](../cases/README.md)
"""
PAGES = {
    "docs/index.md": HOME,
    "docs/page.md": PAGE,
    "cases/README.md": "# The corpus\n",
    "cases/one.yaml": "cases: []\n",
}
#: Links that lead nowhere, and what is said of each.
DEAD = {
    "page.md#gone": "local id not found in doc 'docs/page': 'gone'",
    "gone.md": "'myst' cross-reference target not found: 'gone.md'",
    "#gone": "'myst' cross-reference target not found: 'gone'",
    "../cases/gone": "'myst' cross-reference target not found: '../cases/gone'",
}


def built(root: Path, more: str = "") -> tuple[int, list[str]]:
    """Build the site of PAGES below a folder, with more on the home page; return the exit code and what is said."""
    shutil.copytree(ROOT / "docs" / "_templates", root / "docs" / "_templates")
    shutil.copytree(ROOT / "docs" / "_static", root / "docs" / "_static")
    for name in ("conf.py", "forge.py"):
        shutil.copy(ROOT / "docs" / name, root / "docs")
    below = (
        'NAVIGATION = {"docs/index": {"All": ["/docs/page", "/cases/README"]}}\nFOLDERS = {"cases": "cases/README"}\n'
    )
    (root / "docs" / "navigation.py").write_text(below, encoding="utf-8")
    (root / "cases" / "empty").mkdir(parents=True)
    for path, text in PAGES.items():
        (root / path).write_text(text, encoding="utf-8")
    (root / "docs" / "index.md").write_text(HOME + more, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-c", "docs", "-W", "--keep-going", "-q", ".", "site"]
    made = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return made.returncode, [line.partition(": WARNING: ")[2] for line in made.stderr.splitlines()]


def test_what_a_forge_finds_is_found(tmp_path: Path) -> None:
    """Headings, ids in HTML, folders and files that are no pages are led to, and the front door leads home."""
    assert (0, []) == built(tmp_path)
    page = (tmp_path / "site" / "docs" / "page.html").read_text(encoding="utf-8")
    assert 'href="index.html#a.b-c"' in page
    assert 2 <= page.count('href="../cases/README.html"')
    assert 'href="../_downloads/' in page
    assert "url=docs/index.html" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def test_what_is_dead_fails(tmp_path: Path) -> None:
    """An anchor, a page and a folder that are not there fail the build, each with one line."""
    code, told = built(tmp_path, "".join(f"\n[dead]({link})\n" for link in DEAD))
    assert code == 1
    assert {f"{said} [myst.xref_missing]" for said in DEAD.values()} <= set(told)


def test_the_home_page_gives_the_commands_of_the_readme() -> None:
    """The commands of the home page are those with which the README begins, which are run."""
    first = blocks(ROOT / "docs" / "index.md")
    assert [*first] == [block for block in blocks(ROOT / "README.md") if block[0] == "sh"][:2]
