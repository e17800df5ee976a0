"""
The specification as one page: that it has all of it, can be linked to, runs nothing, and can be read by all.

The last tests drive a browser; without Chromium and its driver they are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conv_conformance import corpus, specification
from conv_conformance.reports import specification_page
from conv_conformance.reports.specification_page import Edition
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from ..support.browsers import WIDTHS, against, in_a_browser, load

ROOT = Path(__file__).parents[2]
HOSTILE = "</p><script>document.title='run'</script><img src=x onerror='document.title=1'>[a](javascript:alert(1))"
VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """The elements of a page with their attributes; fails where an end fits no beginning."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def values(self, name: str) -> list[str]:
        """The values of an attribute, wherever it stands."""
        return [str(each[name]) for _, each in self.elements if name in each]


@pytest.fixture(scope="module")
def loaded() -> corpus.Corpus:
    """The literal cases."""
    return corpus.load()


@pytest.fixture(scope="module")
def edition() -> Edition:
    """A version that is not released."""
    named = {name: ROOT / "docs" / "spec" / f"{name}.md" for name in ("glossary", "versions")}
    appendices = {name: path.read_text(encoding="utf-8") for name, path in named.items()}
    return Edition(version="0.1", date="", maker="conv-conformance", appendices=appendices)


@pytest.fixture(scope="module")
def text(loaded: corpus.Corpus, edition: Edition) -> str:
    """The page."""
    return specification_page.render(loaded, edition)


def test_every_clause_has_its_anchor(text: str, loaded: corpus.Corpus) -> None:
    """Each id is there once, those of clauses are their own in small letters, and each link in the page finds one."""
    page = Page(text)
    ids = page.values("id")
    assert len(ids) == len({*ids})
    assert {name.lower() for name in loaded.clauses} <= {*ids}
    inner = {each.removeprefix("#") for each in page.values("href") if each.startswith("#")}
    assert inner <= {*ids}
    assert {name.lower() for name in loaded.clauses} <= inner
    outer = [each for each in page.values("href") if not each.startswith(("#", "https://", "http://"))]
    assert ["data:,"] == outer


def test_what_it_says(text: str, loaded: corpus.Corpus) -> None:
    """Of a clause: sentence, level, alternatives, reason, example, wording, history, and the cases that cite it."""
    start = text.index('<section id="same-4" class="clause">')
    said = text[start : text.index("</section>", start)]
    for part in (
        "<blockquote><p>A framework may refuse <code>same</code> with a stride other than 1.</p></blockquote>",
        "<em>Implementation-defined</em>, where <code>same-with-stride</code> holds",
        "<li><code>refuses</code>: the call is refused, with <code>strides: 1</code> it is accepted</li>",
        "<strong>Why.</strong> With a stride, P depends on the length of the input.",
        'is covered by <a href="#same-2">SAME-2</a>.',
        "<code>conv1d.same.stride-two</code>",
        "padding: same\nstrides: 2\n",
        "<dt>PyTorch</dt><dd>refuses: <code>padding='same'</code> takes no stride other than 1</dd>",
        '<a href="https://github.com/pytorch/pytorch/issues/67551">pytorch/pytorch#67551</a>',
    ):
        assert part in said
    citing = sum("SAME-4" in case.clauses for case in loaded.cases)
    assert f"<summary>{citing} literal cases cite SAME-4</summary>" in said
    assert all(f"<code>{case.id}</code>" in said for case in loaded.cases if "SAME-4" in case.clauses)
    assert "a draft: not yet released" in text


def test_a_clause_that_is_withdrawn_keeps_its_anchor(loaded: corpus.Corpus, edition: Edition) -> None:
    """It says what stands in its place, and a revised one since when it says so."""
    changed = {
        "SAME-1": replace(loaded.clauses["SAME-1"], superseded_by="SAME-2"),
        "SAME-2": replace(loaded.clauses["SAME-2"], revised="0.2"),
    }
    made = specification_page.render(
        replace(loaded, clauses={**loaded.clauses, **changed}), replace(edition, version="0.2", date="2027-03-09")
    )
    assert '<section id="same-1" class="clause">' in made
    assert '<strong>Withdrawn: superseded by <a href="#same-2">SAME-2</a>.</strong>' in made
    assert "<p>Revised in version 0.2.</p>" in made
    assert "Version 0.2, 2027-03-09." in made


def test_nothing_runs_and_nothing_is_fetched(text: str) -> None:
    """There is no script, no picture, no style from elsewhere, and the policy lets none be fetched."""
    page = Page(text)
    assert {"script", "img", "iframe", "object"}.isdisjoint(tag for tag, _ in page.elements)
    assert [] == page.values("src") == page.values("style")
    assert not [name for _, each in page.elements for name in each if name.startswith("on")]
    (policy,) = [str(each["content"]) for tag, each in page.elements if tag == "meta" and "http-equiv" in each]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1] and "@import" not in style[1]


def test_what_is_written_in_commentary_is_text(
    loaded: corpus.Corpus, edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Markup in it adds no element and no attribute."""
    (area, *_) = specification.load_commentary(loaded)
    (said, *_) = area.commentaries
    bad = replace(said, why=HOSTILE, wording={"torch": HOSTILE})
    bad_area = replace(area, title=HOSTILE, about=HOSTILE, commentaries=(bad,))
    clauses = {**loaded.clauses, said.clause: replace(loaded.clauses[said.clause], sentence=HOSTILE)}
    plain_area = replace(area, commentaries=(replace(said, wording={"torch": "x"}),))
    pages = []
    for each, known, appendix in ((plain_area, loaded.clauses, "x"), (bad_area, clauses, HOSTILE)):
        monkeypatch.setattr(specification, "load_commentary", lambda corpus, each=each: (each,))
        made = replace(edition, appendices={"glossary": appendix})
        pages.append(Page(specification_page.render(replace(loaded, clauses=known), made)))
    plain, hostile = pages
    assert {tag for tag, _ in plain.elements} == {tag for tag, _ in hostile.elements}
    assert {*plain.values("href")} == {*hostile.values("href")}


@pytest.fixture(params=["light", "dark"])
def scheme(browser: webdriver.Chrome, request: pytest.FixtureRequest) -> Iterator[None]:
    """What a reader's device asks for."""
    asked = {"name": "prefers-color-scheme", "value": request.param}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [asked]})
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@in_a_browser
@pytest.mark.usefixtures("scheme")
@pytest.mark.parametrize("width", WIDTHS)
def test_it_can_be_read_by_all(browser: webdriver.Chrome, tmp_path: Path, text: str, width: int) -> None:
    """At both widths nothing hangs over the edge; an anchor leads to its clause; axe has nothing against a part."""
    page = tmp_path / "0.1.html"
    page.write_text(text, encoding="utf-8")
    load(browser, page, "#same-4", width)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    top = "return document.getElementById('same-4').getBoundingClientRect().top"
    assert WebDriverWait(browser, 30).until(lambda it: abs(it.execute_script(top)) < 100)
    # The whole page takes axe minutes: one area stands for all, links to the others go with them.
    browser.execute_script(
        "for (const each of document.querySelectorAll('main > section[id^=area-]:not(#area-same), nav li li'))"
        " each.remove()"
    )
    assert [] == against(browser)
