"""
The report as a page of HTML: what stands in it, that nothing in it comes from elsewhere or runs, and how it behaves.

The second half drives a browser; without Chromium and its driver it is skipped.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from conv_conformance import corpus
from conv_conformance.analysis.comparison import CHANGES, Comparison, compared
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import Output, Refusal
from conv_conformance.core.observation import Observation
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import SEVERITIES, VERDICTS, Diagnosis, Finding, Verdict
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.records.attribution import Attribution
from conv_conformance.records.failure_group import Group, GroupCounts
from conv_conformance.records.ledger import Ledger
from conv_conformance.records.record import Record, TargetInfo
from conv_conformance.reference import evaluate
from conv_conformance.reports import alternatives, diff_page_data, html, rounding
from conv_conformance.reports.page_data import NOTHING, WORDS, sheet
from conv_conformance.reports.pictures import drawn, pictures, reads, runs
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from ..records.test_record import HEADER
from ..support.browsers import WIDTHS, against, in_a_browser, load, shown
from ..support.builders import call_of

Index: TypeAlias = "tuple[int, ...]"

FIRST, OTHER = "conv1d.same.stride-two", "conv2d.same.dilations-differ"
#: One that leaves a choice, one whose numbers are drawn, and one that is too large to be written out.
SAMPLED, DRAWN, LARGE = (
    "conv1d.before.same-with-a-stride",
    "conv2d.purity.many-channels",
    "conv1d.combined.spread-by-channel-under-full",
)
HOSTILE = (
    "</script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">{{7*7}}&amp;\u2028\ud800"
)
#: What a page is made of.
TAGS = {
    *("html", "head", "meta", "title", "link", "style", "body", "header", "main", "nav", "section", "form", "noscript"),
    *("h1", "h2", "p", "strong", "ul", "li", "a", "div", "span", "table", "thead", "tbody", "tr", "th", "td"),
    *("label", "select", "option", "input", "button", "svg", "text", "line", "circle", "rect", "script"),
}
TARGETS = (
    TargetInfo(name="right", framework="numpy", version="2.4"),
    TargetInfo(name="wrong", framework="numpy", version="2.4"),
)


@pytest.fixture(scope="module")
def loaded() -> corpus.Corpus:
    """The literal cases."""
    return corpus.load(sweeps="none")


def record(*more: Verdict, targets: tuple[TargetInfo, ...] = TARGETS) -> Record:
    """Return a record in which one target is right and another is wrong, refuses and is known to be wrong."""
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
        differing_at=(0, 1),
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
    """Return a record whose every text of others wants to run."""
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
        precision=HOSTILE,
        error_uS=1.0,
        diagnosis=Diagnosis(causes=(HOSTILE,), confidence="exact", region=HOSTILE),
    )
    seen = {HOSTILE: GroupCounts(1, 1)}
    cause = Attribution(cause=HOSTILE, means=HOSTILE, portion=HOSTILE, targets=seen, cases=(HOSTILE,))
    group = Group(name=HOSTILE, targets=seen, verdict="disagree", kind=HOSTILE, where=HOSTILE, cases=(HOSTILE[:-1],))
    target = TargetInfo(name=HOSTILE, framework=HOSTILE, version=HOSTILE, device=HOSTILE, failed=HOSTILE)
    made = record(verdict, targets=(*TARGETS, target))
    parts = {
        "suite": {"version": HOSTILE, "corpus": HOSTILE},
        "platform": dict.fromkeys(HEADER["platform"], HOSTILE),
        "date": HOSTILE,
    }
    return replace(made, header={**HEADER, **parts}, attributions=(cause,), groups=(group,))


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of its scripts."""

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
    """Return what the page's script draws."""
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
    assert first["reads"] == {"W": [[0, 1, 2], [2, 3, -1]]}
    detail = made["details"]["0"]["1"]
    assert detail["causes"] == ["kernel-flipped"]
    returned = {"where": "output", "first": [0, 0, 0], "got": ["10", "17"], "is_whole": True, "wrong": [0, 1]}
    assert detail["returned"] == [returned]
    assert ["cause", "kernel-flipped: it gives exactly this"] in detail["lines"]
    assert [made["texts"][at] for at in made["details"]["1"]["0"]["why"]] == ["cannot be said"]


def test_every_verdict_and_every_change_has_a_letter() -> None:
    """And no two of a page have the same."""
    assert {*WORDS} == {*SEVERITIES, *VERDICTS} - {"disagree"}
    assert {*diff_page_data.WORDS} == {*CHANGES}
    for words in ([*WORDS.values(), NOTHING], [*diff_page_data.WORDS.values(), diff_page_data.SAME, NOTHING]):
        assert len({each.letter for each in words}) == len(words)
        assert {each.tone for each in words} <= {"bad", "known", "good", "faint"}


def test_what_an_element_reads(loaded: corpus.Corpus) -> None:
    """Of input and kernel whatever, and nothing else, changes the element when it is changed."""
    numbers = random.Random(1)
    seen = Counter[tuple[str, bool]]()
    for case in loaded.cases:
        call = case.outline
        if call.op != "separable_conv" and call.dtype.input == "float32" and call.bias is None:
            for name, place, index in probes(case, numbers):
                seen[name, says(case.call, name, place, index)] += 1
                assert changes(case.call, name, place, index) == says(case.call, name, place, index), (case.id, place)
    assert min(seen.values()) > 200 and len(seen) == 4


def probes(case: Case, numbers: random.Random) -> Iterator[tuple[str, Index, Index]]:
    """Yield places in the arrays of a case that are drawn, each with one in its output."""
    shapes = {each["name"]: each["shape"] for each in pictures(case.call, case.expectation)["arrays"]}
    if case.call.training is None and "output" in shapes and reads(case.call):
        for name in ("input", "kernel", "input"):
            if 0 not in (*shapes[name], *shapes["output"]):
                place, index = (tuple(map(numbers.randrange, shapes[each])) for each in (name, "output"))
                yield name, place, index


def says(call: Call, name: str, place: Index, index: Index) -> bool:
    """Say whether the page marks an element of an array for an element of the output."""
    at, here = dict(zip(call.letters("output"), index, strict=True)), dict(zip(call.letters(name), place, strict=True))
    if not all(low <= here[axis] < high for axis, (low, high) in runs(call)[at["C"]][name].items()):
        return False
    window = {axis: found[at[axis]] for axis, found in reads(call).items()}
    if name == "kernel":
        return all(found[here[axis]] >= 0 for axis, found in window.items())
    return here["N"] == at["N"] and all(here[axis] in found for axis, found in window.items())


def changes(call: Call, name: str, place: Index, index: Index) -> bool:
    """Say whether an element of the output is another if one of an array is, all others being one."""
    ones = replace(call, input=np.ones_like(call.input), kernel=np.ones_like(call.array("kernel")))
    array = ones.array(name).copy()
    array[place] = 3
    return bool(evaluate(replace(ones, **{name: array}))[index] != evaluate(ones)[index])


def test_nothing_comes_from_elsewhere(loaded: corpus.Corpus) -> None:
    """No element names another file, and the policy lets none be fetched."""
    text = html.render(record(), loaded, Ledger())
    elements = Page(text).elements
    named = [str(value) for _, each in elements for name, value in each.items() if name in ("src", "href", "action")]
    assert [each for each in named if not each.startswith("#")] == ["data:,"]
    (policy,) = [each["content"] for tag, each in elements if tag == "meta" and "http-equiv" in each]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1] and "@import" not in style[1]


def test_what_others_wrote_is_text(loaded: corpus.Corpus) -> None:
    """It adds no element, and is there to be read."""
    made = html.render(hostile(), loaded, Ledger())
    both = html.compared(compared(record(), hostile(), {}), loaded, Ledger())
    for text in (made, both):
        assert not {tag for tag, _ in Page(text).elements} - TAGS
        assert len(Page(text).scripts) == 2
        assert "<script>document" not in text and "<img" not in text
        text.encode()
    said = data(made)
    assert (said["targets"][2]["name"], said["cases"][2]["id"]) == (HOSTILE, HOSTILE[:-1])


@pytest.mark.parametrize(
    ("id", "right", "wrong", "told"),
    [
        (FIRST, np.array([[[-0.0], [11]]], np.float32), np.array([[[-0.0], [0.1]]], np.float32), ["-0", "0.100000001"]),
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
    assert made["details"][at][1]["returned"][0]["got"] == told
    assert drawn(call, Output(array=right))[-1]["values"].split()[0] == told[0]


def test_a_record_that_lacks_something_says_so(loaded: corpus.Corpus) -> None:
    """One that was cut short, one that only counts agreements; a header need not name the system."""
    whole = html.render(record(), loaded, Ledger())
    assert "did not finish" not in whole and "only counts" not in whole
    cut = replace(record(), is_complete=False)
    assert "<strong>The run did not finish.</strong>" in html.render(cut, loaded, Ledger())
    platform = {name: HEADER["platform"][name] for name in ("cpu", "flags", "python")}
    condensed = replace(record(), header={**HEADER, "platform": platform, "left_out": ["agree"]})
    assert "This record only counts the verdicts agree: the page does not list such cases." in html.render(
        condensed, loaded, Ledger()
    )


def test_a_record_of_another_corpus_says_so(loaded: corpus.Corpus) -> None:
    """Its cases are drawn as they are here, or not at all."""
    suite = {**HEADER["suite"], "corpus": loaded.digest}
    same = html.render(replace(record(), header={**HEADER, "suite": suite}), loaded, Ledger())
    assert "shows the cases of corpus" not in same and "are missing" not in same
    assert f"this page shows the cases of corpus {loaded.digest[:19]}" in html.render(record(), loaded, Ledger())
    own = Verdict(case="own.case", target="right", verdict="agree")
    assert "Details of 1 case are missing" in html.render(record(own), loaded, Ledger())


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


def test_errors_are_plotted_by_target() -> None:
    """On a scale of powers of two; a lower class is another mark; what lies together is one dot."""
    drawn = [
        Verdict(case="a", target="right", verdict="agree", precision="float32", error_uS=0.0),
        Verdict(case="b", target="right", verdict="agree", precision="float32", error_uS=1.0),
        Verdict(case="c", target="right", verdict="agree", precision="float32", error_uS=1.0),
        Verdict(case="d", target="right", verdict="disagree", precision="tf32-like", error_uS=16.0),
    ]
    plot = rounding.plot(record(*drawn))
    assert plot.marks == [(0.0, "1/16"), (25.0, "1/4"), (50.0, "1"), (75.0, "4"), (100.0, "16")]
    (row,) = plot.rows
    assert (row.target, row.classes, row.largest) == ("right", "float32 3, tf32-like 1", 16.0)
    assert [(dot.at, dot.is_lower) for dot in row.dots] == [(0.0, False), (50.0, False), (100.0, True)]
    assert row.dots[1].text == "b and 1 more: 1 u·S, float32"
    assert rounding.plot(record()).rows == []


def test_choices_are_told_by_target(loaded: corpus.Corpus) -> None:
    """What each target follows, with counts."""
    said = [("right", "computes"), ("wrong", "refuses"), ("wrong", "computes"), ("wrong", "refuses")]
    followed = [Verdict(case=SAMPLED, target=at, verdict="agree", alternative=name) for at, name in said]
    (row,) = alternatives.table(record(*followed), loaded)
    assert (row.clause, row.sentence) == ("SAME-4", loaded.clauses["SAME-4"].sentence)
    assert [list(each.items()) for each in row.followed] == [[("computes", 1)], [("refuses", 2), ("computes", 1)]]


def test_a_larger_array_is_a_heat_map() -> None:
    """A byte an element, from the lowest to the highest number, 0 where it is not finite; one larger still is none."""
    numbers = np.linspace(-2, 5, 255, dtype=np.float32)
    call = call_of("conv", np.append(numbers, np.float32("nan")).reshape(1, 256, 1), np.zeros((1, 1, 1025), np.float32))
    first, second = drawn(call, Refusal(name="x", twin=call))
    assert [*base64.b64decode(first["levels"])] == [*range(1, 256), 0]
    assert (first["between"], first["is_finite"]) == (["-2", "5"], False)
    assert "levels" not in second and "values" not in second


def comparison(loaded: corpus.Corpus) -> Comparison:
    """Return what changed from a record to one in which its first target is wrong, too."""
    before = record()
    wrong = [replace(each, target="right") for each in before.verdicts if each.case == FIRST and each.target == "wrong"]
    after = replace(before, verdicts=[*wrong, *before.verdicts[1:]])
    return compared(before, after, {case.id: case for case in loaded.cases})


def test_what_changed_is_drawn(loaded: corpus.Corpus) -> None:
    """A word for each change, why before and after, and what was returned then."""
    text = html.compared(comparison(loaded), loaded, Ledger(), ["a note"])
    assert "<strong>a note</strong>" in text
    made = data(text)
    assert [each["counts"] for each in made["targets"]] == [{"regressed": 1}, {"the same": 2}]
    assert [(each["id"], each["letters"]) for each in made["cases"]] == [(FIRST, "r="), (OTHER, "-=")]
    detail = made["details"]["0"]["0"]
    said = [made["texts"][at] for at in detail["why"]]
    assert said == ["before: agree", "after: disagree, silent: it differs"]
    assert [each["when"] for each in detail["returned"]] == ["after"]
    assert ["after cause", "kernel-flipped: it gives exactly this"] in detail["lines"]


def opened(browser: webdriver.Chrome, folder: Path, made: Record, loaded: corpus.Corpus, anchor: str = "") -> None:
    """Open the page of a record."""
    load(browser, written(folder, html.render(made, loaded, Ledger())), anchor)


def written(folder: Path, text: str) -> Path:
    """Return the file of a page."""
    page = folder / "report.html"
    page.write_text(text, encoding="utf-8")
    return page


@in_a_browser
def test_the_matrix_and_the_filter(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """An area unfolds to its clauses; a cell shows its cases; a filter leaves what fits; all by the keyboard."""
    opened(browser, tmp_path, record(), loaded)
    rows = browser.find_elements(By.CSS_SELECTOR, "#areas tbody tr")
    same = next(row for row in rows if "Same padding" in row.text)
    assert [each.text for each in same.find_elements(By.TAG_NAME, "td")] == ["✓ 1/2", "✗ 1/2"]
    same.find_element(By.CSS_SELECTOR, "th button").send_keys(Keys.ENTER)
    assert any(text.startswith("SAME-2") and " pads max(" in text for text in shown(browser, "#areas .clause th"))
    assert same.text.startswith("▾")
    assert shown(browser, "#list tbody th") == [FIRST, OTHER]
    same.find_elements(By.CSS_SELECTOR, "td button")[1].send_keys(Keys.ENTER)
    assert WebDriverWait(browser, 10).until(lambda it: shown(it, "#list tbody th") == [FIRST])
    assert browser.switch_to.active_element.get_attribute("name") == "target"
    assert shown(browser, "#count") == ["1 of 2 cases"]
    browser.find_element(By.ID, "all").send_keys(Keys.ENTER)
    assert shown(browser, "#count") == ["2 of 2 cases"]


@in_a_browser
def test_what_is_worst_stands_first(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """Whatever was judged first."""
    made = record()
    opened(browser, tmp_path, replace(made, verdicts=[*reversed(made.verdicts)]), loaded)
    assert shown(browser, "#list tbody th") == [FIRST, OTHER]


@in_a_browser
def test_a_case_has_a_link_of_its_own(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """It shows its arrays, marks what differs, and which elements an element of the output reads."""
    opened(browser, tmp_path, record(), loaded, f"#{FIRST}")
    assert shown(browser, "#case h3") == [FIRST]
    assert shown(browser, "#case .differs") == ["10", "17"]
    assert shown(browser, "#case h4") == ["✗ wrong: disagree, silent, values"]
    last = browser.find_elements(By.CSS_SELECTOR, "#case .grid button")[-1]
    browser.execute_script("arguments[0].focus()", last)
    assert shown(browser, "#case .read") == ["3", "4", "1", "2"]


@in_a_browser
def test_an_address_without_a_case(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """One that is not here is told, a heading leaves the case open, and no address closes it."""
    opened(browser, tmp_path, record(), loaded, "#conv1d.gone")
    assert shown(browser, "#case") == ["This page has no case conv1d.gone."]
    for address, heads in ((FIRST, [FIRST]), ("matrix", [FIRST]), ("", [])):
        browser.execute_script("location.hash = arguments[0]", address)
        assert WebDriverWait(browser, 10).until(lambda it, heads=heads: shown(it, "#case h3") == heads)


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
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_and_can_be_used_by_all(
    browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus, width: int
) -> None:
    """At both widths nothing hangs over the edge, no script complains, and axe finds nothing against it."""
    followed = Verdict(case=SAMPLED, target="right", verdict="agree", alternative="computes")
    rounded = Verdict(case=DRAWN, target="right", verdict="agree", precision="float32", error_uS=1.5)
    pages = [
        html.render(record(followed, rounded), loaded, Ledger()),
        html.compared(comparison(loaded), loaded, Ledger()),
    ]
    for text, anchor in itertools.product(pages, ("", f"#{FIRST}")):
        load(browser, written(tmp_path, text), anchor, width)
        assert browser.execute_script("return innerWidth") == width
        assert against(browser) == []


@in_a_browser
def test_what_changed_has_a_page(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """The matrix and the filter are of changes, a case says what it was and is."""
    load(browser, written(tmp_path, html.compared(comparison(loaded), loaded, Ledger())), f"#{FIRST}")
    assert shown(browser, "#case h4") == ["✗ right: regressed"]
    assert shown(browser, "#case section p") == ["before: agree", "after: disagree, silent: it differs"]
    assert shown(browser, "#case .differs") == ["10", "17"]
    assert shown(browser, "select[name=verdict] option") == ["all", "regressed", "the same"]
    assert shown(browser, "#list tbody th") == [FIRST, OTHER]
    Select(browser.find_element(By.NAME, "verdict")).select_by_visible_text("regressed")
    assert WebDriverWait(browser, 10).until(lambda it: shown(it, "#list tbody th") == [FIRST])


@in_a_browser
def test_a_heat_map_is_drawn(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """Light is low and dark is high; what differs first is orange."""
    finding = Finding(kind="values", message="a few", first_index=(0,) * 3, got_near=(1,), expected_near=(2,))
    wrong = Verdict(case=LARGE, target="right", verdict="disagree", finding=finding)
    opened(browser, tmp_path, record(wrong), loaded, f"#{LARGE}")
    pixel = "return [...arguments[0].getContext('2d').getImageData(arguments[1], 0, 1, 1).data]"
    (array,) = (each for each in data(browser.page_source)["cases"][2]["arrays"] if each["name"] == "output")
    levels = base64.b64decode(array["levels"])
    maps = browser.find_elements(By.CSS_SELECTOR, "#case section canvas")
    assert len(maps) == array["shape"][0] * array["shape"][2]
    assert browser.execute_script(pixel, maps[0], 0) == [213, 94, 0, 255]
    share = (levels[array["shape"][2]] - 1) / 254
    assert browser.execute_script(pixel, maps[0], 1)[0] == pytest.approx(235 - 227 * share, abs=1)
