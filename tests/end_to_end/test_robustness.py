"""A run where the machine does not play along: full disks, closed pipes, no home, no locale, a kill."""

from __future__ import annotations

import json
import os
import pwd
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from conv_conformance import corpus
from conv_conformance.core import cache
from conv_conformance.running.runner import Runner
from conv_conformance.workers import pool
from conv_conformance.workers.limits import Limits, Terms
from conv_conformance.workers.process import Worker

from ..running.test_resumption import same
from ..support import zoo
from ..support.command_line import CASES, Command, is_clean, lying, verdicts
from ..workers.test_pool import is_gone, waited_for

FULL = "cannot be written: No space left on device"
RUN = (sys.executable, "-m", "conv_conformance", "run")

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device here that is always full")


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let no file of this process and its children grow beyond a size, as if the disk were full then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files_in(folder: Path) -> list[Path]:
    """Return every file below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def entries_in(folder: Path) -> list[Path]:
    """Return the files of a cache without the key that authenticates them."""
    return [file for file in files_in(folder) if file.name != "key" or file.parent != folder]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for what is temporary, of this process and of those that it starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


# --- files that cannot be written


@needs_full
def test_a_record_on_a_full_disk_stops_the_run_at_once(command: Command, cases: Path) -> None:
    """Its first line cannot be written: said in one line, and nothing is run for nothing."""
    done = command("run", cases, "-b", "numpy", "--record", "/dev/full")
    assert done == (2, "", f"/dev/full: {FULL}\n")


def test_a_disk_that_fills_up_costs_no_verdict(command: Command, tmp_path: Path) -> None:
    """If its record cannot be written, a run ends with one line on how to resume; resuming yields the same record."""
    record = tmp_path / "r.jsonl"
    words = ("conv1d.same.*", "conv1d.special-values.*", "-b", "numpy", "--sweeps", "none")
    assert command("run", *words, "--record", record).code == 0
    whole = record.read_text()
    lines = [line for line in whole.splitlines(keepends=True) if '{"summary"' not in line and '{"timing"' not in line]
    record.write_text("".join(lines[:-6]))
    before = record.read_text()
    with files_end_at(len(before) + 300):
        done = command("run", "--resume", record)
    hint = "the record holds the verdicts so far: continue with `run --resume`"
    assert (done.code, done.err.splitlines()[-1]) == (2, f"{record}: cannot be written: File too large ({hint})")
    assert is_clean(done)
    kept = record.read_text()
    assert kept.startswith(before)
    assert len(kept) == len(before) + 300
    assert command("run", "--resume", record).code == 0
    assert same(record.read_text()) == same(whole)


@needs_full
@pytest.mark.parametrize(("full", "other"), [("--junit", "--markdown"), ("--markdown", "--junit")])
def test_a_report_on_a_full_disk_does_not_keep_the_others_back(
    command: Command, cases: Path, tmp_path: Path, full: str, other: str
) -> None:
    """What the run found is on the terminal and in the other file."""
    done = command("run", cases, "-b", "numpy", full, "/dev/full", other, tmp_path / "other")
    assert (done.code, done.err.splitlines()[-1]) == (2, f"/dev/full: {FULL}")
    assert done.out.startswith("target")
    assert (tmp_path / "other").read_text()


@pytest.mark.parametrize("option", ["--record", "--junit", "--markdown"])
def test_a_folder_that_cannot_be_written_to_is_said(command: Command, cases: Path, option: str) -> None:
    """Not even by root, who may write where it is forbidden: below a file."""
    done = command("run", cases, "-b", "numpy", option, cases / "r")
    assert (done.code, done.err.splitlines()[-1]) == (2, f"{cases / 'r'}: cannot be written: Not a directory")


def test_a_full_temporary_folder_is_said_with_its_place(
    command: Command, cases: Path, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target could not run, and the reason states what to do; no partial file remains, not even in the cache."""
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    with files_end_at(1000):
        done = command("run", cases, "-b", "numpy")
    why = f"{temporary}: cannot be written: File too large (set TMPDIR to another folder)"
    assert (done.code, is_clean(done)) == (3, True)
    assert f"numpy could not run: the worker cannot be started: {why}" in done.out.splitlines()
    assert [*temporary.iterdir(), *entries_in(tmp_path / "cache")] == []


def test_no_room_for_a_second_worker_costs_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that killed its worker has its verdict, also where it cannot be made once more alone."""
    alone: list[int] = []

    def crowded(terms: Terms, adapter: object, messages: list[bytes], *more: object, **named: object) -> Worker:
        if len(messages) == 1 and not alone:
            alone.append(1)
            raise OSError("no room")
        return Worker(terms, adapter, messages, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(pool, "Worker", crowded)
    made = Runner(terms=Terms(limits=Limits(timeout=5.0))).run(zoo.cases()[:4], [zoo.miniature("leaves")])
    found = {each.case: each.message for each in made.verdicts if each.verdict == "crash"}
    assert found == {"marked": "the process ended with exit code 3; could not be made alone"}
    assert len(list(made.verdicts)) == 4


# --- streams that cannot be written to


def run(cases: Path, *words: object, **more: object) -> subprocess.CompletedProcess[str]:
    """Run cases in a process of its own."""
    given = [*RUN, str(cases), *map(str, words)]
    # A stream that keeps what it is given for a while fails later than one that does not.
    more = {"env": {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}, **more}
    return subprocess.run(given, text=True, check=False, timeout=60, **{"stderr": subprocess.PIPE, **more})  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("streams", [("stdout",), ("stdout", "stderr")])
def test_a_reader_that_has_gone_does_not_stop_the_run(cases: Path, tmp_path: Path, streams: tuple[str, ...]) -> None:
    """As with `run ... | head -1`: the reports are written, and the exit code is that of the run."""
    reading, writing = os.pipe()
    os.close(reading)
    xml, record = tmp_path / "r.xml", tmp_path / "r.jsonl"
    done = run(cases, "-b", "numpy", "--junit", xml, "--record", record, **dict.fromkeys(streams, writing))
    os.close(writing)
    assert (done.returncode, "Traceback" in (done.stderr or ""), xml.exists()) == (0, False, True)
    assert len(verdicts(record)) == 3


@needs_full
@pytest.mark.parametrize(
    ("stream", "code", "says"),
    [("stdout", 2, [f"standard output: {FULL}"]), ("stderr", 0, [])],
)
def test_a_stream_on_a_full_disk_does_not_keep_the_reports_back(
    cases: Path, tmp_path: Path, stream: str, code: int, says: list[str]
) -> None:
    """A report that could not be shown is an error; a run that could not be followed is none."""
    with open("/dev/full", "w") as full:
        done = run(cases, "-b", "numpy", "--junit", tmp_path / "r.xml", **{"stdout": subprocess.PIPE, stream: full})
    assert (done.returncode, (tmp_path / "r.xml").exists()) == (code, True)
    assert (done.stderr or "").splitlines()[2:] == says


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["list", "conv1d.valid.*"], ["validate", "--help"]])
def test_what_cannot_be_shown_is_one_line(words: list[str], unbuffered: str) -> None:
    """Exit 2, whether the stream fails at once or when Python ends."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*RUN[:-1], *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert (done.returncode, done.stderr) == (2, f"standard output: {FULL}\n")


def test_closed_streams_do_not_get_in_the_way(cases: Path, tmp_path: Path) -> None:
    """No file or pipe of the run takes the place of a standard stream."""
    xml = tmp_path / "r.xml"
    words = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *RUN, cases, "-b", "numpy", "--junit", xml]
    assert subprocess.run(words, check=False, timeout=60).returncode == 0
    assert 'tests="3" failures="0" errors="0" skipped="0"' in xml.read_text()


# --- surroundings


@pytest.mark.parametrize(
    "changes",
    [
        {"HOME": None, "XDG_CACHE_HOME": None, "CONV_CONFORMANCE_CACHE": None},
        {"LC_ALL": "C", "LANG": None, "PYTHONIOENCODING": None, "PYTHONUTF8": None},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"CI": "true"},
        {"COLUMNS": "40"},
        {"TMPDIR": "/dev/full/none"},
        {"CONV_CONFORMANCE_CACHE": "/dev/full/none"},
    ],
    ids=lambda changes: next(iter(changes)) if isinstance(changes, dict) else None,
)
def test_surroundings_change_nothing(cases: Path, changes: Mapping[str, str | None]) -> None:
    """Without a home, a locale, a wide terminal, a temporary folder or a cache a run says the same."""
    surroundings = {name: value for name, value in {**os.environ, **changes}.items() if value is not None}
    done = run(cases, "-b", "numpy", "-b", lying("off_by_one"), stdout=subprocess.PIPE, env=surroundings)
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[0]) == (1, f"silent  mine.marked  {lying('off_by_one')}  values")
    # In a log nothing is broken in two, however narrow.
    assert lines[-1].startswith(lying("off_by_one"))
    assert sorted(done.stderr.splitlines())[1] == f"{lying('off_by_one')}: miniature ? on cpu"


def test_a_character_that_the_locale_lacks_is_spelt(tmp_path: Path) -> None:
    """A title in Greek on a terminal that is Latin."""
    cases = tmp_path / "greek.yaml"
    cases.write_text(CASES.replace("A window that steps by two", "Σ"))
    surroundings = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = run(cases, "-b", lying("off_by_one"), stdout=subprocess.PIPE, env=surroundings)
    assert (done.returncode, "\\u03a3 [CONV-1, VALID-1]" in done.stdout) == (1, True)


def test_a_user_without_a_home_has_no_cache(
    command: Command, cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container under a number that nobody has: no folder named ~, and environments have no place."""

    def nobody(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "XDG_CACHE_HOME", "CONV_CONFORMANCE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert command("run", cases, "-b", "numpy").code == 0
    assert [path.name for path in tmp_path.iterdir()] == [cases.name]
    done = command("environments")
    hint = "set CONV_CONFORMANCE_CACHE to a folder"
    assert (done.code, done.err) == (2, f"cache: this user has no home folder ({hint})\n")


def test_two_runs_share_a_cache(tmp_path: Path) -> None:
    """Begun at once, in one folder, with a cache that neither has filled: both right, and nothing half written."""
    shutil.copy(corpus.shipped() / "conv" / "strides.yaml", tmp_path)
    surroundings = {**os.environ, "CONV_CONFORMANCE_CACHE": str(tmp_path / "cache")}
    words = [*RUN, "strides.yaml", "-b", "numpy", "--sweeps", "none", "--record"]
    records = [tmp_path / f"{name}.jsonl" for name in "ab"]
    running = [
        subprocess.Popen([*words, str(record)], cwd=tmp_path, env=surroundings, stdout=subprocess.DEVNULL)
        for record in records
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    first, second = map(verdicts, records)
    assert first == second
    assert {said for said, _, _ in first.values()} == {"agree"}
    kept = [path.name for path in files_in(tmp_path / "cache")]
    assert len(kept) >= 1
    assert not [name for name in kept if "." in name]


def test_half_a_file_of_the_cache_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a full disk cuts off is removed, and asked for again."""
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path))
    with files_end_at(100):
        cache.put("key", "text" * 100)
    assert (entries_in(tmp_path), cache.get("key")) == ([], None)


def test_the_cache_forgets_loaders_of_long_ago(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever edits or updates the package often does not fill a disk; what its newest loaders read is kept."""
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path))
    for age in range(20):
        older = tmp_path / "read" / f"of-{age:02}-days"
        older.mkdir(parents=True)
        os.utime(older, (1e9 - age, 1e9 - age))
    cache.put("key", [1])
    left = sorted(path.name for path in (tmp_path / "read").iterdir() if path.name.startswith("of-"))
    assert left == [f"of-{age:02}-days" for age in range(cache.LOADERS - 1)]
    assert cache.get("key") == [1]


# --- a run that is ended


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_run_that_is_ended_leaves_nothing_but_its_record(
    cases: Path, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    """No worker, and no file of calls, which may be large; not even where there was no time to tidy up."""
    notes, record = tmp_path / "notes", tmp_path / "r.jsonl"
    monkeypatch.setenv("MINIATURE_NOTES", str(notes))
    words = [*RUN, str(cases), "-b", lying("waits_to_be_killed"), "--record", str(record)]
    running = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    worker = int(waited_for(notes))
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert (running.returncode, "Traceback" in err) == (code, False)
    assert ("interrupted" in err.splitlines()) == (code == 130)
    assert is_gone(worker)
    assert [path.name for path in temporary.iterdir()] == []
    assert "format" in json.loads(record.read_text().splitlines()[0])
