"""A release held against another one: which targets, in which environments, and what a person is told."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from conv_conformance.core.problem import Invalid
from conv_conformance.records.ledger import Entry
from conv_conformance.records.record import TargetInfo
from conv_conformance.running import release_check
from conv_conformance.workers import targets
from conv_conformance.workers.environments import Environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ..support.command_line import Command, is_clean

ALIKE = ("conv1d.same.*", "--sweeps", "none")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Sequence[str], Sequence[str]]]:
    """Return what environments are asked for: requirements, and what is to be kept. None is made."""
    asked: list[tuple[Sequence[str], Sequence[str]]] = []

    def make(requirements: Sequence[str], kept: Sequence[str] = (), pip: Sequence[str] = ()) -> Environment:
        asked.append((requirements, kept))
        return Environment(python=Path("/there/bin/python"), versions={"numpy": "1.0"})

    monkeypatch.setattr("conv_conformance.workers.environments.make_environment", make)
    return asked


@pytest.mark.parametrize(
    ("target", "release", "wanted"),
    [
        ("torch==2.12.1", "==2.12.1", (["torch==2.12.1"], ["numpy"])),
        ("torch+layer==2.12.1", "==2.12.1", (["torch==2.12.1"], ["numpy"])),
        ("keras-torch==3.14.1", "==3.14.1", (["keras==3.14.1", "torch"], ["torch", "numpy"])),
        ("keras-torch=torch==2.12.1", "=torch==2.12.1", (["torch==2.12.1", "keras"], ["keras", "numpy"])),
    ],
)
def test_a_target_may_ask_for_a_release(
    made: list[tuple[Sequence[str], Sequence[str]]],
    target: str,
    release: str,
    wanted: tuple[Sequence[str], Sequence[str]],
) -> None:
    """Of its framework, or of what that runs on; everything else is kept as it is here."""
    adapter = targets.resolve(target)
    assert (str(adapter), adapter.release) == (target, release)
    (placed,) = release_check.placed([adapter], (), lambda line: None)
    assert (placed.python, [*map(tuple, made)]) == (str(Path("/there/bin/python")), [wanted])


def test_a_target_without_a_release_stays_where_it_is(made: list[tuple[Sequence[str], Sequence[str]]]) -> None:
    """And so does a stranger's, whatever its name holds."""
    adapters = [targets.resolve("torch"), targets.resolve("cmd:node worker.js --a=b")]
    assert release_check.placed(adapters, (), lambda line: None) == adapters
    assert (made, [adapter.release for adapter in adapters]) == ([], ["", ""])


def test_both_sides_have_the_same_targets(made: list[tuple[Sequence[str], Sequence[str]]]) -> None:
    """Each surface of a framework, one environment for all of them; of Keras on an engine the release of that."""
    both = release_check.side(
        [targets.resolve("torch"), targets.resolve("torch+layer")], Requirement("torch==2.1"), (), print
    )
    assert [str(adapter) for adapter in both.adapters] == ["torch==2.1", "torch+layer==2.1"]
    assert len(made) == 1
    keras = release_check.side([targets.resolve("keras-torch")], Requirement("torch==2.1"), (), print)
    assert [str(adapter) for adapter in keras.adapters] == ["keras-torch=torch==2.1"]


def test_packages_that_are_not_the_same_are_told() -> None:
    """Those that both sides have, in other versions; one that a side lacks is none of them."""
    one, other = (
        release_check.Side(adapters=(), environments=[Environment(python=Path("p"), versions=versions)])
        for versions in ({"numpy": "1", "torch": "2", "rich": "9"}, {"numpy": "1.1", "torch": "2"})
    )
    assert release_check.different(one, other) == {"numpy": ("1", "1.1")}


def test_the_ledger_speaks_of_a_release_by_its_version() -> None:
    """The name that asks for it is no other target."""
    entry = Entry(
        id="a", cases=("*",), targets=("torch",), versions=SpecifierSet(">=2.13"), verdict="disagree", reason="",
        link="", since="", triage="",
    )  # fmt: skip
    info = TargetInfo(name="torch==2.13.0", release="==2.13.0", framework="torch", version="2.13.0")
    assert entry.speaks_of(info, ())
    assert not entry.speaks_of(TargetInfo(name="torch==2.12", release="==2.12", version="2.12"), ())


@pytest.mark.parametrize("text", ["torch>=2", "torch==2,!=3", "torch @ file:///x", "torch; python_version<'3'", "=="])
def test_a_candidate_is_one_release(text: str) -> None:
    """Anything else is refused, with how it is written."""
    with pytest.raises(Invalid, match=r"torch==2\.13\.0"):
        release_check.requirement(text)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("tensorfow",), "no target has this framework"),
        (("torch", "-b", "numpy"), "not a target that needs torch"),
        (("torch", "-b", "torch==2.1"), "not a target that needs torch"),
        (("numpy", "--fail-on", "moed"), "did you mean 'moved'?"),
        (("NumPy", "-b", "torch"), "not a target that needs numpy"),
    ],
)
def test_wrong_words_are_refused_in_one_line(command: Command, words: Sequence[str], says: str) -> None:
    """Before anything is made."""
    done = command("check", *words)
    assert (done.code, done.out, len(done.err.splitlines()), says in done.err) == (2, "", 1, True)


def test_both_releases_are_of_one_package(command: Command) -> None:
    """Another package is no release to hold it against."""
    done = command("check", "torch==2.1", "--against", "jax==0.4.30")
    assert (done.code, "--against must name a release of torch, not of jax" in done.err) == (2, True)


# --- as a person does it


def test_an_environment_like_this_one_changes_nothing(command: Command, tmp_path: Path) -> None:
    """The same release in another process: nothing is worse, exit 0, and both sides are in the record."""
    record = tmp_path / "both.jsonl"
    done = command("check", "numpy", *ALIKE, "--env", sys.prefix, "--record", record)
    assert (done.code, is_clean(done)) == (0, True)
    assert "no change" in done.out
    assert done.out.rstrip().endswith("As far as these calls show, it is safe to switch.")
    assert f'"numpy={sys.prefix}"' in record.read_text()


def test_what_cannot_be_judged_ends_with_three(command: Command, tmp_path: Path) -> None:
    """No environment, or one without the framework: one line, no verdict."""
    done = command("check", "numpy", *ALIKE, "--env", tmp_path)
    assert (done.code, done.out, is_clean(done)) == (3, "", True)
    assert done.err.startswith(f"{tmp_path}: no environment here")


def test_releases_stand_beside_each_other_as_columns(command: Command) -> None:
    """`run` takes the same target from two environments."""
    done = command("run", *ALIKE, "-b", "numpy", "-b", f"numpy={sys.prefix}")
    assert (done.code, is_clean(done)) == (0, True)
    rows = [line.split()[0] for line in done.out.splitlines() if line.startswith("numpy")]
    assert rows == ["numpy", f"numpy={sys.prefix}"]
