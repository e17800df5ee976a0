"""Environments with one release: made once, whole or not at all, and as like this one as the release allows."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pytest
from conv_conformance.core.problem import Invalid
from conv_conformance.workers import environments
from packaging.requirements import Requirement
from packaging.version import Version

WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
CLICK = Version(metadata.version("click")).public


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """Write a wheel without a module."""
    about = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {n}" for n in needs)]
    files = {f"{about}/METADATA": "\n".join(lines) + "\n", f"{about}/WHEEL": WHEEL}
    record = "".join(f"{path},,\n" for path in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        for path, text in {**files, f"{about}/RECORD": record}.items():
            file.writestr(path, text)


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[str]:
    """Return pip options that find only the wheels built here; environments are cached in a folder of the test."""
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for version in ("1.0", "1.5", "2.0"):
        wheel(wheels, "tiny", version)
    wheel(wheels, "click", CLICK)
    wheel(wheels, "click", "0.0.1")
    wheel(wheels, "likes", "1.0", "click")
    wheel(wheels, "dislikes", "1.0", "click==0.0.1")
    return ("--no-index", "--find-links", str(wheels))


def test_an_environment_is_made_once(pip: Sequence[str]) -> None:
    """It has the release; the second time it is there; another release has another one."""
    first = environments.make_environment(["tiny==1.0"], pip=pip)
    assert (first.versions["tiny"], first.seconds > 0) == ("1.0", True)
    again = environments.make_environment(["tiny==1.0"], pip=pip)
    assert (again.python, again.versions, again.seconds) == (first.python, first.versions, 0.0)
    assert environments.make_environment(["tiny==2.0"], pip=pip).versions["tiny"] == "2.0"
    assert [home.name.rpartition("-")[0] for home in environments.kept()] == [
        f"py{sys.version_info.major}.{sys.version_info.minor}-tiny-{version}" for version in ("1.0", "2.0")
    ]


def test_what_is_kept_has_the_version_that_is_here(pip: Sequence[str]) -> None:
    """Where the release allows it; else the release decides, and the versions say so."""
    assert environments.make_environment(["likes==1.0"], ["click"], pip).versions["click"] == CLICK
    assert environments.make_environment(["dislikes==1.0"], ["click"], pip).versions["click"] == "0.0.1"
    assert environments.pins(["click", "not-installed"]) == [f"click=={CLICK}"]


def test_a_version_that_is_not_there_leaves_nothing_behind(pip: Sequence[str]) -> None:
    """One line with pip's reason and the last versions that there are."""
    with pytest.raises(Invalid) as found:
        environments.make_environment(["tiny==9.0"], pip=pip)
    assert "requirement tiny==9.0" in str(found.value)
    assert "(the newest are 1.0, 1.5, 2.0)" in str(found.value)
    assert "\n" not in str(found.value)
    assert environments.kept() == {}


def test_an_environment_that_was_left_half_made_is_made_again(pip: Sequence[str]) -> None:
    """What a killed process leaves is not taken for whole."""
    home = environments.make_environment(["tiny==1.0"], pip=pip).python.parents[1]
    (home / "ready").unlink()
    (home / "rest").touch()
    assert environments.make_environment(["tiny==1.0"], pip=pip).seconds > 0
    assert not (home / "rest").exists()


def test_the_newest_release_is_what_pip_would_install(pip: Sequence[str]) -> None:
    """A requirement with a version stays as it is."""
    assert str(environments.resolved(Requirement("tiny"), pip)) == "tiny==2.0"
    assert str(environments.resolved(Requirement("tiny==1.0"), pip)) == "tiny==1.0"
    with pytest.raises(Invalid, match="nowhere"):
        environments.resolved(Requirement("nowhere"), pip)


def test_environments_are_removed_with_their_sizes(pip: Sequence[str]) -> None:
    """Nothing is left, and what is said was there."""
    environments.make_environment(["tiny==1.0"], pip=pip)
    sizes = environments.kept()
    assert environments.pruned() == (1, sum(sizes.values()))
    assert (environments.kept(), sum(sizes.values()) > 0) == ({}, True)


def test_an_environment_may_be_named(tmp_path: Path) -> None:
    """By its folder or its interpreter; what is none is refused in one line."""
    here = environments.installed()
    assert here.versions["numpy"] == metadata.version("numpy")
    assert environments.existing(Path(sys.prefix)).versions == here.versions
    with pytest.raises(Invalid, match="no environment here"):
        environments.existing(tmp_path)


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what would help; it is no fault of the suite."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(Invalid, match=r"environments: cannot be written: .* \(set CONV_CONFORMANCE_CACHE to another"):
        environments.make_environment(["mine==1.0"])


def test_a_cache_that_others_can_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is run from a folder into which somebody else may have put an interpreter."""
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path))
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments").chmod(0o777)
    with pytest.raises(Invalid, match="another user owns it or can write to it"):
        environments.make_environment(["numpy"])
