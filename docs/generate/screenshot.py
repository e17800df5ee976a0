"""
Write docs/report.png: a screenshot, by Debian's Chromium, of the report page of the eight default targets.

    conv-conformance run --html report.html
    python -m docs.generate.screenshot report.html
"""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

from selenium import webdriver

from . import output

PICTURE = Path("docs", "report.png")
#: The size in pixels of the page; SCALE is the number of picture pixels for one page pixel.
WIDTH, HEIGHT, SCALE = 1200, 1100, 1.25


def draw(page: Path, picture: Path) -> None:
    """Write the picture of the upper part of a page."""
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(word)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(page.resolve().as_uri())
        picture.write_bytes(b64decode(driver.get_screenshot_as_base64()))
    finally:
        driver.quit()


def main() -> None:
    """Draw a report."""
    parser = output.options(__doc__)
    parser.add_argument("report", type=Path)
    options = parser.parse_args()
    with output.folder(small=options.small) as root:
        (root / PICTURE).parent.mkdir(parents=True, exist_ok=True)
        draw(options.report, root / PICTURE)


if __name__ == "__main__":
    main()
