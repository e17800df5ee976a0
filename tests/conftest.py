"""The command line in this process, a case file for the tests that run commands, and a browser for those of pages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conv_conformance import cli
from selenium import webdriver

from .support import browsers, package_names
from .support.command_line import CASES, Command, Done


@pytest.fixture(autouse=True)
def _packages_keep_no_replacement() -> Iterator[None]:
    """Fail a test that leaves a replaced object in a package, where later tests would use it."""
    yield
    assert [] == list(package_names.stale_names()), "replace the object in the package, not in its module"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command line in this process."""
    # Target names hold the path of the checkout, and a table that is too wide takes another form.
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["conv-conformance", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        assert isinstance(code, int)
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(CASES)
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium, one for all tests."""
    with browsers.chromium() as driver:
        yield driver
