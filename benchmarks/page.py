"""
How large the HTML report is, how soon it is painted, and how long its filter takes.

    python benchmarks/page.py [--json]

Two records are made up: all literal cases on twelve targets, and about 20,000 results with the points of sweeps. Of
nine results one disagrees, with a message and a call, and two cannot be said. The pages are opened in headless Chromium
with its driver, from disk. With `--json` the figures go to `benchmarks/results/page.json`.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from conv_conformance import corpus
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Output
from conv_conformance.core.observation import Observation
from conv_conformance.core.verdict import Diagnosis, Finding, Verdict
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.records.ledger import Ledger
from conv_conformance.records.record import Record, TargetInfo
from conv_conformance.reports import html
from conv_conformance.workers import machine
from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait
from support import result

CALL = "framework.nn.functional.conv2d(input.transpose(0, 3, 1, 2), kernel.transpose(3, 2, 0, 1), stride=(1, 1))"
#: Milliseconds from the start of the page until its first contents were painted; null before.
PAINTED = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
#: What is asked of the filter, one after the other.
ASKED = (("op", "conv"), ("verdict", "s"), ("target", "3"), ("clause", "area:3"), ("text", "stride"))


def record(cases: Sequence[Case], targets: int) -> Record:
    """Return a record of cases on so many targets."""
    names = [f"framework-{at}" for at in range(targets)]
    header = {
        "suite": {"version": "0.1.0", "spec": "draft", "corpus": "sha256:0"},
        "platform": machine.describe(),
        "date": "2026-01-01T00:00:00+00:00",
        "selection": {"sweeps": "quick"},
    }
    infos = [TargetInfo(name=name, framework=name, version="1.0") for name in names]
    return Record(header=header, targets=infos, verdicts=[*_verdicts(cases, names)], is_complete=True)


def _verdicts(cases: Sequence[Case], names: Sequence[str]) -> Iterator[Verdict]:
    for number, case in enumerate(cases):
        finding = _finding(case)
        for at, name in enumerate(names):
            kind = (number * 7 + at * 5) % 9
            if kind == 0 and finding is not None:
                said = Diagnosis(causes=("kernel-flipped",), confidence="exact")
                yield Verdict(
                    case=case.id,
                    target=name,
                    verdict="disagree",
                    message=finding.message,
                    finding=finding,
                    diagnosis=said,
                    call=CALL,
                )
            elif kind in (1, 2):
                yield Verdict(
                    case=case.id, target=name, verdict="unsupported", message=f"reason {number % 40} of {name}"
                )
            else:
                yield Verdict(case=case.id, target=name, verdict="agree")


def _finding(case: Case) -> Finding | None:
    """Return what is said of a case's output if every element is one too large."""
    expected = case.expectation
    if isinstance(expected, AnyOf):
        expected = next((each for each in expected.alternatives.values() if isinstance(each, Output)), expected)
    if not isinstance(expected, Output) or case.call.training is not None or not expected.array.size:
        return None
    got = expected.array + np.ones((), expected.array.dtype)
    seen = Observation(outcome="returned", arrays={"output": got}, dtypes={"output": got.dtype.name})
    return judge(Output(array=expected.array), seen, Context(call=case.call)).finding


def measured(made: Record, loaded: corpus.Corpus, driver: webdriver.Chrome, folder: Path) -> dict[str, Any]:
    """Return the figures of one page."""
    start = time.perf_counter()
    text = html.render(made, loaded, Ledger())
    seconds = time.perf_counter() - start
    page = folder / "page.html"
    page.write_text(text, encoding="utf-8")
    driver.get("about:blank")
    driver.get(page.as_uri())
    paint: float = WebDriverWait(driver, 20).until(lambda page: page.execute_script(PAINTED))
    filters = driver.execute_script(
        """
        const form = document.getElementById("filter");
        return arguments[0].map(([name, value]) => {
          const start = performance.now();
          form.elements[name].value = value;
          form.elements[name].dispatchEvent(new Event(name === "text" ? "input" : "change"));
          document.body.offsetHeight;
          return performance.now() - start;
        });
        """,
        ASKED,
    )
    return {
        "results": len(made.verdicts),
        "megabytes": round(len(text.encode()) / 1e6, 2),
        "seconds_to_write": round(seconds, 1),
        "first_paint_ms": round(paint),
        "slowest_filter_ms": round(max(filters)),
    }


def main() -> None:
    given = result.options(__doc__, "page").parse_args()
    browser, service = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or service is None:
        sys.exit("there is no Chromium with its driver here (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    loaded = corpus.load(sweeps="none" if given.small else "quick")
    literal = [case for case in loaded.cases if not case.sweep]
    targets = (1, 1) if given.small else (12, 8)
    records = {"literal": record(literal, targets[0]), "whole": record(loaded.cases, targets[1])}
    with tempfile.TemporaryDirectory() as folder:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(service))
        try:
            pages = {name: measured(made, loaded, driver, Path(folder)) for name, made in records.items()}
        finally:
            driver.quit()
    figures = {
        "browser": driver.capabilities["browserVersion"],
        **pages,
    }
    print(json.dumps(figures, indent=1))
    if given.json:
        result.keep(given.json, figures)


if __name__ == "__main__":
    main()
