"""
Write docs/report.png: a screenshot, by Debian's Chromium, of the report page of the eight default targets.

    conv-conformance run --html report.html
    python -m docs.generate.screenshot report.html
"""

from __future__ import annotations

import sys
from base64 import b64decode
from pathlib import Path

from selenium import webdriver

PICTURE = Path(__file__).resolve().parents[1] / "report.png"
#: The size in pixels of the page; SCALE is the number of picture pixels for one page pixel.
WIDTH, HEIGHT, SCALE = 1200, 1100, 1.25


def draw(page: Path) -> None:
    """Write the picture of the upper part of a page."""
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(word)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(page.resolve().as_uri())
        PICTURE.write_bytes(b64decode(driver.get_screenshot_as_base64()))
    finally:
        driver.quit()


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
