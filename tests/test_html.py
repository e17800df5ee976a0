"""
The report as a page of HTML: what stands in it, that nothing in it comes from elsewhere or runs, and how it behaves.

The second half drives a browser; without Chromium and its driver it is skipped.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance import corpus
from conv_conformance.call import Array, Call
from conv_conformance.expectation import Output
from conv_conformance.judge import Context, judge
from conv_conformance.ledger import Ledger
from conv_conformance.observation import Observation
from conv_conformance.record import Record, TargetInfo
from conv_conformance.reference import evaluate
from conv_conformance.reports import html
from conv_conformance.reports.sheet import LETTERS, drawn, reads, sheet
from conv_conformance.verdict import SEVERITIES, VERDICTS, Diagnosis, Finding, Verdict
from hypothesis import given, settings
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from .calls import calls
from .test_record import HEADER

FIRST, OTHER = "conv1d.same.stride-two", "conv2d.same.dilations-differ"
HOSTILE = (
    "</script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">{{7*7}}&amp;\u2028\ud800"
)
TARGETS = (
    TargetInfo(name="right", framework="numpy", version="2.4"),
    TargetInfo(name="wrong", framework="numpy", version="2.4"),
)


@pytest.fixture(scope="module")
def loaded() -> corpus.Corpus:
    """The literal cases."""
    return corpus.load(sweeps="none")


def record(*more: Verdict, targets: tuple[TargetInfo, ...] = TARGETS) -> Record:
    """
    Return a record in which one target is right and another is wrong, refuses and is known to be wrong.
    """
    finding = Finding(
        kind="values",
        message="output[0, 0, 0] is 10, expected 14",
        first_index=(0, 0, 0),
        expected=14,
        got=10,
        differing=2,
        expected_near=(14, 11),
        got_near=(10, 17),
        returned=(10, 17),
    )
    said = Diagnosis(causes=("kernel-flipped",), confidence="exact")
    verdicts = [
        Verdict(case=FIRST, target="right", verdict="agree"),
        Verdict(case=FIRST, target="wrong", verdict="disagree", finding=finding, message="it differs", diagnosis=said),
        Verdict(case=OTHER, target="right", verdict="unsupported", message="cannot be said"),
        Verdict(case=OTHER, target="wrong", verdict="known", known="an.entry", message="as ever"),
    ]
    return Record(header=HEADER, targets=targets, verdicts=[*verdicts, *more], is_complete=True)


def hostile() -> Record:
    """
    Return a record whose every text of others wants to run.
    """
    bad = Finding(kind="values", message=HOSTILE, first_index=(0,), got_near=(HOSTILE,), expected_near=("1",))
    verdict = Verdict(
        case=HOSTILE[:-1],
        target=HOSTILE,
        verdict="disagree",
        finding=bad,
        message=HOSTILE,
        call=HOSTILE,
        known=HOSTILE,
        alternative=HOSTILE,
        diagnosis=Diagnosis(causes=(HOSTILE,), confidence="exact"),
    )
    target = TargetInfo(name=HOSTILE, framework=HOSTILE, version=HOSTILE, device=HOSTILE, failed=HOSTILE)
    made = record(verdict, targets=(*TARGETS, target))
    return replace(made, header={**HEADER, "platform": {**HEADER["platform"], "cpu": HOSTILE}})


class Page(HTMLParser):
    """
    The elements of a page with their attributes, and the text of its scripts.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script" and self.scripts:
            self.scripts[-1] += data


def data(text: str) -> dict[str, Any]:
    """
    Return what the page's script draws.
    """
    made: dict[str, Any] = json.loads(Page(text).scripts[0])
    return made


def test_what_is_drawn(loaded: corpus.Corpus) -> None:
    """Targets with their counts, the areas of what was run, a letter for each verdict, the arrays of a case."""
    made = data(html.render(record(), loaded, Ledger()))
    assert [each["name"] for each in made["targets"]] == ["right", "wrong"]
    assert [each["counts"] for each in made["targets"]] == [{"agree": 1, "unsupported": 1}, {"disagree": 1, "known": 1}]
    assert [(each["id"], each["letters"]) for each in made["cases"]] == [(FIRST, "as"), (OTHER, "uk")]
    assert {clause["id"] for area in made["areas"] for clause in area["clauses"]} == {
        clause for case in loaded.cases if case.id in (FIRST, OTHER) for clause in case.clauses
    }
    first = made["cases"][0]
    assert [(each["name"], each["values"]) for each in first["arrays"]] == [
        ("input", "1 2 3 4"),
        ("kernel", "1 2 3"),
        ("output", "14 11"),
    ]
    assert first["reads"] == {"W": [[0, 1, 2], [2, 3]]}
    detail = made["details"]["0"]["1"]
    assert (detail["causes"], detail["first"], detail["got"]) == (["kernel-flipped"], [0, 0, 0], ["10", "17"])
    assert ["cause", "kernel-flipped: it gives exactly this"] in detail["lines"]
    assert made["texts"][made["details"]["1"]["0"]["message"]] == "cannot be said"


def test_every_verdict_has_a_letter() -> None:
    """And no two have the same."""
    assert {*LETTERS} == {*SEVERITIES, *VERDICTS} - {"disagree"}
    assert len({*LETTERS.values()}) == len(LETTERS)


@settings(max_examples=60, deadline=None)
@given(calls())
def test_what_an_element_reads(call: Call) -> None:
    """Along each axis: as many places as the output has, and none that a one at another element reaches."""
    made = reads(call)
    if not made:
        return
    try:
        out = evaluate(call).shape
    except ValueError:
        return
    for letter, places in made.items():
        assert len(places) == out[call.letters("output").index(letter)]
        assert all(0 <= each < call.extent("input", letter) for found in places for each in found)


def test_nothing_comes_from_elsewhere(loaded: corpus.Corpus) -> None:
    """No element names another file, and the policy lets none be fetched."""
    text = html.render(record(), loaded, Ledger())
    elements = Page(text).elements
    named = [value for _, each in elements for name, value in each.items() if name in ("src", "href", "action")]
    assert named == ["data:,"]
    (policy,) = [each["content"] for tag, each in elements if tag == "meta" and "http-equiv" in each]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1] and "@import" not in style[1]


def test_what_others_wrote_is_text(loaded: corpus.Corpus) -> None:
    """It adds no element, and is there to be read."""
    plain, made = (html.render(each, loaded, Ledger()) for each in (record(), hostile()))
    kinds = [{tag for tag, _ in Page(text).elements} for text in (plain, made)]
    assert kinds[0] == kinds[1]
    assert len(Page(made).scripts) == 2
    assert "<script>document" not in made and "<img" not in made
    said = data(made)
    assert (said["targets"][2]["name"], said["cases"][2]["id"]) == (HOSTILE, HOSTILE[:-1])
    made.encode()


@pytest.mark.parametrize(
    ("id", "right", "wrong", "told"),
    [
        (FIRST, np.array([[[-0.0], [11]]], np.float32), np.array([[[-0.0], [0.1]]], np.float32), ["0", "0.100000001"]),
        ("conv2d.complex.grouped", np.array([[[[-3, 8j]]]]), np.array([[[[-3, 1 - 0.5j]]]]), ["-3+0j", "1-0.5j"]),
    ],
)
def test_what_is_right_is_written_as_it_is_expected(
    loaded: corpus.Corpus, id: str, right: Array, wrong: Array, told: list[str]
) -> None:
    """Also negative zeros and complex numbers, which a record writes otherwise than a case."""
    call = next(case.call for case in loaded.cases if case.id == id)
    right, wrong = (array.astype(call.dtype.output or call.dtype.input) for array in (right, wrong))
    seen = Observation(outcome="returned", arrays={"output": wrong}, dtypes={"output": wrong.dtype.name})
    finding = judge(Output(array=right), seen, Context(call=call)).finding
    made = sheet(record(Verdict(case=id, target="wrong", verdict="disagree", finding=finding)), loaded, Ledger())
    at = [each["id"] for each in made["cases"]].index(id)
    assert made["details"][at][1]["got"] == told
    assert drawn(call, Output(array=right))[-1]["values"].split()[0] == told[0]


def test_a_record_that_lacks_something_says_so(loaded: corpus.Corpus) -> None:
    """One that was cut short, one that only counts agreements; a header need not name the system."""
    whole = html.render(record(), loaded, Ledger())
    assert "did not come to its end" not in whole and "only counts" not in whole
    cut = replace(record(), is_complete=False)
    assert "<strong>The run did not come to its end.</strong>" in html.render(cut, loaded, Ledger())
    platform = {name: HEADER["platform"][name] for name in ("cpu", "flags", "python")}
    condensed = replace(record(), header={**HEADER, "platform": platform, "left_out": ["agree"]})
    assert "This record only counts what is agree: such cases are not drawn." in html.render(
        condensed, loaded, Ledger()
    )


def test_data_ends_no_script() -> None:
    """What would end the element is written otherwise, and read back as it was."""
    made = html.embedded({HOSTILE: [HOSTILE]})
    assert not {*"<>&"} & {*made}
    assert json.loads(made) == {HOSTILE: [HOSTILE]}


def test_a_case_that_is_gone_is_shown_by_its_id(loaded: corpus.Corpus) -> None:
    """A record outlives the cases of its corpus."""
    gone = Verdict(case="no.such.case", target="right", verdict="agree")
    made = sheet(record(gone), loaded, Ledger())
    assert made["cases"][2] == {"id": "no.such.case", "title": "", "clauses": [], "letters": "a-"}


CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
in_a_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="there is no Chromium with its driver here"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


def opened(browser: webdriver.Chrome, folder: Path, made: Record, loaded: corpus.Corpus, anchor: str = "") -> None:
    """
    Open the page of a record.
    """
    page = folder / "report.html"
    page.write_text(html.render(made, loaded, Ledger()), encoding="utf-8")
    browser.get("about:blank")
    browser.get(f"{page.as_uri()}{anchor}")


def shown(browser: webdriver.Chrome, selector: str) -> list[str]:
    """
    Return the texts of elements, all read at one moment.
    """
    script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText)"
    texts: list[str] = browser.execute_script(script, selector)
    return texts


@in_a_browser
def test_the_matrix_and_the_filter(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """An area unfolds to its clauses; a cell shows its cases; a filter leaves what fits; all by the keyboard."""
    opened(browser, tmp_path, record(), loaded)
    rows = browser.find_elements(By.CSS_SELECTOR, "#areas tbody tr")
    same = next(row for row in rows if "Same padding" in row.text)
    assert [each.text for each in same.find_elements(By.TAG_NAME, "td")] == ["✓ 1/2", "✗ 1/2"]
    same.find_element(By.CSS_SELECTOR, "th button").send_keys(Keys.ENTER)
    assert "SAME-2" in shown(browser, "#areas .clause th")
    assert shown(browser, "#list tbody th") == [FIRST, OTHER]
    same.find_elements(By.CSS_SELECTOR, "td button")[1].send_keys(Keys.ENTER)
    assert WebDriverWait(browser, 10).until(lambda it: shown(it, "#list tbody th") == [FIRST])
    assert shown(browser, "#count") == ["1 of 2 cases"]
    browser.find_element(By.ID, "all").send_keys(Keys.ENTER)
    assert shown(browser, "#count") == ["2 of 2 cases"]


@in_a_browser
def test_a_case_has_a_link_of_its_own(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """It shows its arrays, marks what differs, and which elements an element of the output reads."""
    opened(browser, tmp_path, record(), loaded, f"#{FIRST}")
    assert shown(browser, "#case h3") == [FIRST]
    assert shown(browser, "#case .differs") == ["10", "17"]
    assert shown(browser, "#case h4") == ["✗ wrong: disagree, silent, values"]
    last = browser.find_elements(By.CSS_SELECTOR, "#case .grid button")[-1]
    browser.execute_script("arguments[0].focus()", last)
    assert shown(browser, "#case .read") == ["3", "4"]


@in_a_browser
def test_what_is_not_recorded_is_not_shown(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """Of a large output a few numbers are known: those before the first difference are right, those behind are not."""
    finding = Finding(
        kind="values",
        message="a few",
        first_index=(0, 1, 0, 0),
        expected_near=(316, 325, 567, 584),
        got_near=(316, 325, 1, 584),
        differing=9,
    )
    wrong = Verdict(case=OTHER, target="right", verdict="disagree", finding=finding)
    opened(browser, tmp_path, replace(record(), verdicts=[wrong]), loaded, f"#{OTHER}")
    cells = shown(browser, "#case section .grid td")
    assert cells == [*["386", "398", "534", "550", "566", "316", "325", "1", "584"], *["?"] * 19]
    assert shown(browser, "#case .differs") == ["1"]


@in_a_browser
def test_nothing_of_others_runs(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """Neither when the page is opened nor when what they wrote is shown; there it stands as they wrote it."""
    opened(browser, tmp_path, hostile(), loaded)
    browser.execute_script("location.hash = '#' + encodeURIComponent(arguments[0])", HOSTILE[:-1])
    title = WebDriverWait(browser, 10).until(lambda it: shown(it, "#case h3"))
    assert "<script>document.title='run'</script>" in title[0]
    assert browser.title == "Convolution conformance"
    assert browser.find_elements(By.TAG_NAME, "img") == []


@in_a_browser
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_fits_and_can_be_used_by_all(
    browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus, width: int
) -> None:
    """At both widths nothing hangs over the edge, no script complains, and axe finds nothing against it."""
    from axe_core_python.selenium import Axe

    browser.set_window_size(width, 900)
    for anchor in ("", f"#{FIRST}"):
        opened(browser, tmp_path, record(), loaded, anchor)
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert [each["id"] for each in Axe().run(browser)["violations"]] == []
        assert browser.get_log("browser") == []
