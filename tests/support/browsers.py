"""
Pages in Debian's Chromium, without a window.

Where it or its driver is missing such tests are skipped, unless the environment says by CONFORMANCE_BROWSER=required
that they must not be.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
IS_REQUIRED = os.environ.get("CONFORMANCE_BROWSER") == "required"

in_a_browser = pytest.mark.skipif(
    not IS_REQUIRED and (CHROMIUM is None or DRIVER is None), reason="there is no Chromium with its driver here"
)
#: The widths at which a page is looked at: of a desk, and of a phone.
WIDTHS = (1280, 400)


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Start a browser, and end it; the fixture `browser` is one for all tests."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    driver.set_script_timeout(120)  # axe looks at every element
    try:
        yield driver
    finally:
        driver.quit()


def load(browser: webdriver.Chrome, page: Path, anchor: str = "", width: int = WIDTHS[0]) -> None:
    """Open a page from disk in a window of some width."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get("about:blank")
    browser.get_log("browser")  # axe, which is run last on a page, may have written to it
    browser.get(f"{page.as_uri()}{anchor}")


def shown(browser: webdriver.Chrome, selector: str) -> list[str]:
    """Return the texts of elements, all read at one moment."""
    script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText)"
    texts: list[str] = browser.execute_script(script, selector)
    return texts


def violations(browser: webdriver.Chrome) -> list[str]:
    """Return what axe has against the page that is open."""
    return [each["id"] for each in Axe().run(browser)["violations"]]


def against(browser: webdriver.Chrome) -> list[str]:
    """Return what speaks against the page that is open: what hangs over the edge, what scripts say, what axe finds."""
    wide = browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
    edge = [f"{wide} pixels hang over the edge"] if wide > 0 else []
    return [*edge, *(each["message"] for each in browser.get_log("browser")), *violations(browser)]
