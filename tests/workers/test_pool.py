"""Workers that die, are killed, outlive their parent, share a device: what the pool makes of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import psutil
import pytest
from conv_conformance.running.runner import Runner
from conv_conformance.workers import wire
from conv_conformance.workers.limits import Limits, Terms
from conv_conformance.workers.plan import smoke_call
from conv_conformance.workers.pool import observe
from conv_conformance.workers.process import CallSeen, Event, TargetFailed, TargetReady, Worker, _path
from conv_conformance.workers.targets import resolve
from conv_conformance.workers.watch import Watch

from ..support import zoo
from ..support.builders import call_of

CASES = zoo.cases()
LIMITS = Limits(timeout=5.0, grace=0.2)
POLICY = "str(__import__('os').environ.get('OMP_WAIT_POLICY'))"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "notes"
    monkeypatch.setenv("MINIATURE_NOTES", str(path))
    return path


def waited_for(path: Path, seconds: float = 20.0) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if path.exists() and (text := path.read_text().strip()):
            return text
        time.sleep(0.02)
    raise AssertionError(f"nothing in {path}")


def is_gone(pid: int, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_deaths_are_capped() -> None:
    """If each of the first calls ends its worker, by default 25, the others are `not-run`; every case has a verdict."""
    assert LIMITS.deaths == 25
    terms = Terms(limits=replace(LIMITS, deaths=3))
    calls = [wire.pack_call(number, CASES[0].call) for number in range(8)]
    events = list(observe(terms, zoo.miniature("dies_of_everything"), smoke_call(), calls))
    seen = {event.number: event.observation for event in events if isinstance(event, CallSeen)}
    assert sorted(seen) == list(range(8))
    assert Counter(observation.outcome for observation in seen.values()) == {"crash": 3, "not-run": 5}
    assert seen[7].message == "not run: each of the first 3 calls ended the worker"


def test_target_that_dies_at_once_has_said_what_it_is() -> None:
    """Framework and version are known, and the target's ledger applies, even if the first case kills the worker."""
    made = Runner(terms=Terms(limits=LIMITS)).run(CASES[1:2], [zoo.miniature("leaves")])
    assert ([v.verdict for v in made.verdicts], made.targets[0].info.framework) == (["crash"], "miniature")


def test_worker_killed_from_outside_costs_one_verdict(notes: Path) -> None:
    """SIGKILL in the middle of a run is one crash, on the case that was being made, which does not happen again."""

    def kill() -> None:
        os.kill(int(waited_for(notes)), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    made = Runner(terms=Terms(limits=Limits())).run(CASES, [zoo.miniature("waits_to_be_killed")])
    killer.join()
    found = {v.case: (v.verdict, v.severity, v.phase) for v in made.verdicts if v.verdict != "agree"}
    assert found == {"marked": ("crash", "loud", "call")}
    (message,) = (v.message for v in made.verdicts if v.case == "marked")
    assert re.fullmatch(r"killed by SIGKILL; did not happen again when made alone \(\d+\.\d s\)", message)
    assert (len(list(made.verdicts)), made.exit_code()) == (len(CASES), 1)


PARENT = """
import sys
from conv_conformance.running.runner import Runner
from tests.support import zoo
Runner().run(zoo.cases(), [zoo.miniature("waits_to_be_killed")])
"""


def test_worker_ends_with_a_parent_that_is_killed(notes: Path) -> None:
    """A hanging worker is gone soon after its parent was killed with SIGKILL."""
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=root)
    worker = int(waited_for(notes))
    assert parent.pid in [process.pid for process in psutil.Process(worker).parents()]
    parent.kill()
    parent.wait()
    assert is_gone(worker)


def test_worker_ends_when_its_lifeline_is_cut(notes: Path) -> None:
    """Where the kernel does not end a worker with its parent, the closing of its standard input does."""
    call = wire.pack_call(0, CASES[1].call)  # type: ignore[arg-type]
    worker = Worker(Terms(limits=LIMITS), zoo.miniature("waits_to_be_killed"), [call])
    try:
        pid = int(waited_for(notes))
        assert worker._process.stdin is not None
        worker._process.stdin.close()
        assert is_gone(pid)
    finally:
        worker.close()


def test_device_error_gets_a_new_process(notes: Path) -> None:
    """After an error of the device the next case is made in another process, and is right."""
    made = Runner(terms=Terms(limits=LIMITS)).run(CASES, [zoo.miniature("Device", "@gpu")])
    found = {v.case: (v.verdict, v.finding and v.finding.kind) for v in made.verdicts if v.verdict != "agree"}
    assert found == {"marked": ("disagree", "refused")}
    processes = notes.read_text().split()
    # Smoke, plain and marked in the first; everything behind in the second.
    assert next(len(list(group)) for _, group in groupby(processes)) == 3
    assert len(set(processes)) == 2


def test_error_on_the_cpu_keeps_the_process(notes: Path) -> None:
    """The same error where there is no device does not cost a process: it is a wrong result of this process."""
    made = Runner(terms=Terms(limits=LIMITS)).run(CASES[:3], [zoo.miniature("Device")])
    assert [v.verdict for v in made.verdicts] == ["agree", "disagree", "disagree"]
    assert len(set(notes.read_text().split())) == 1


# Calls of 20 ms: on the CPU so many that, on a busy machine, the second worker has started before the first is done.
@pytest.mark.parametrize(("devices", "calls", "turns"), [(("@gpu", "@cuda:1"), 60, 2), (("", ""), 200, None)])
def test_targets_on_a_device_take_turns(notes: Path, devices: tuple[str, str], calls: int, turns: int | None) -> None:
    """Two targets on an accelerator never work at the same time; two on the CPU do."""
    adapters = [zoo.miniature("Device", device) for device in devices]
    made = Runner(terms=Terms(limits=LIMITS), jobs=2).run([CASES[0]] * calls, adapters)
    assert {v.verdict for v in made.verdicts} == {"agree"}
    found = len(list(groupby(notes.read_text().split())))
    assert found == turns if turns else found > 2


def test_device_words_are_passed_as_they_are(notes: Path) -> None:
    """What stands behind the @ reaches the adapter and the record unchanged."""
    made = Runner(terms=Terms(limits=LIMITS)).run(CASES[:1], [zoo.miniature("Device", "@npu:0")])
    info = made.targets[0].info
    assert (info.device, info.settings["device"], info.name.endswith(":Device@npu:0")) == ("npu:0", "npu:0", True)


def test_first_device_error_of_all_stops_the_target(notes: Path) -> None:
    """A target whose smoke call fails could not run at all."""
    marked = wire.pack_call(-1, CASES[1].call)  # type: ignore[arg-type]
    events = list(observe(Terms(limits=LIMITS), zoo.miniature("Device", "@gpu"), marked, []))
    assert [type(event) for event in events] == [TargetFailed]


@pytest.mark.parametrize(
    ("text", "is_fault", "says"),
    [
        ("raise ImportError('no GPU driver')", False, "ImportError: no GPU driver"),
        ("import no_such_framework", False, "No module named 'no_such_framework'"),
        ("raise RuntimeError('misspelt')", True, "RuntimeError: misspelt"),
        ("class Backend\n    pass", True, "SyntaxError: "),
        ("import os; os.abort()", False, "killed by SIGABRT"),
        ("class Backend:\n    def prepare(self, call):\n        return None", True, "has no attribute 'framework'"),
    ],
)
def test_adapter_that_cannot_be_made(tmp_path: Path, text: str, is_fault: bool, says: str) -> None:
    """A missing framework is the machine's doing, any other error while an adapter is made its own fault."""
    (tmp_path / "adapter.py").write_text(text)
    [event] = observe(Terms(limits=LIMITS), resolve(f"{tmp_path}/adapter.py:Backend"), smoke_call(), [])
    assert isinstance(event, TargetFailed)
    assert (event.is_fault, says in event.reason) == (is_fault, True), event.reason


def test_plugin_is_imported_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin is imported before the adapter, and one that is not there leaves the target unable to run."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "plugin.py").write_text("import numpy; numpy.is_plugged = True")
    text = zoo.MINIATURES.read_text().replace(
        'framework = "miniature"', 'framework = str(getattr(np, "is_plugged", False))'
    )
    (tmp_path / "adapter.py").write_text(text)
    adapter = resolve(f"{tmp_path}/adapter.py:raises")
    for preload, framework in [((), "False"), (("plugin",), "True")]:
        made = Runner(terms=Terms(limits=LIMITS, preload=preload)).run(CASES[:1], [adapter])
        assert made.targets[0].info.framework == framework
    made = Runner(terms=Terms(limits=LIMITS, preload=("no_such_plugin",))).run(CASES[:1], [adapter])
    assert made.targets[0].info.failed == "ModuleNotFoundError: No module named 'no_such_plugin'"


def test_audit_asks_in_spite_of_the_limits() -> None:
    """Under an audit an adapter's limits are not asked, so that an untrue one shows."""
    adapter = zoo.miniature("UnsupportedEverything")
    for audit, verdict in [(False, "unsupported"), (True, "agree")]:
        made = Runner(terms=Terms(limits=LIMITS, audit=audit)).run(CASES[:1], [adapter])
        assert [each.verdict for each in made.verdicts] == [verdict]


HALF_TRUE = """
from conv_conformance import Limit
from conv_conformance.backends.numpy import NumPy

class Backend:
    framework = "half-true"
    limits = (Limit("no strides", lambda call: call.strides != (1,)), Limit("no sums", lambda call: True))

    def prepare(self, call):
        return {(1,): NumPy().prepare}[call.strides](call)
"""


WORDY = """
import os
from conv_conformance import Prepared, ask
from conv_conformance.backends.numpy import NumPy

WAYS = [
    ("f(input)", lambda: None),
    ("raise f(input)", lambda: ask(lambda: 1 / 0)),
    ("exit f(input)", lambda: os._exit(3)),
    ("", lambda: os._exit(3)),
    ("f" * 5000, lambda: os._exit(3)),
]

class Backend:
    framework = "wordy"

    def prepare(self, call):
        text, act = WAYS[call.kernel.size - 1 if call.rank == 2 else 0]
        run = NumPy().prepare(call)
        return Prepared(lambda: (act(), run()._replace(call=""))[1], text)
"""


def test_words_of_a_call_that_raises_or_ends_the_process(tmp_path: Path) -> None:
    """They are those of the call itself, never those of the one before it, and never cut."""
    (tmp_path / "wordy.py").write_text(WORDY)
    adapter, said = resolve(f"{tmp_path}/wordy.py:Backend"), []
    planes = [call_of("conv", [[[[1.0]] * 5]], [[[[1.0]]] * taps]) for taps in (1, 2, 3, 4, 5)]
    for plane in planes:
        calls = [wire.pack_call(number, each) for number, each in enumerate([planes[0], plane])]
        seen = observe(Terms(limits=LIMITS), adapter, smoke_call(), calls)
        found = {each.number: each.observation for each in seen if isinstance(each, CallSeen)}
        assert found[0].call == "f(input)"
        said.append((found[1].outcome, found[1].call))
    ended = [("crash", "exit f(input)"), ("crash", ""), ("crash", "")]
    assert said == [("returned", "f(input)"), ("raised", "raise f(input)"), *ended]


def test_threads_wait_without_spinning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers share the cores, so that OpenMP is told not to spin in them; what is set stays as it is."""
    text = zoo.MINIATURES.read_text().replace('framework = "miniature"', f"framework = {POLICY}")
    (tmp_path / "adapter.py").write_text(text)
    adapter = resolve(f"{tmp_path}/adapter.py:raises")
    for given, policy in [(None, "passive"), ("active", "active")]:
        monkeypatch.setenv("OMP_WAIT_POLICY", given) if given else monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
        made = Runner(terms=Terms(limits=LIMITS)).run(CASES[:1], [adapter])
        assert made.targets[0].info.framework == policy


def test_audit_tells_untrue_limits_from_true_ones(tmp_path: Path) -> None:
    """A limit is counted as untrue if calls agree despite it; if the adapter fails, the limit is true."""
    (tmp_path / "half.py").write_text(HALF_TRUE)
    made = Runner(terms=Terms(limits=LIMITS, audit=True)).run(CASES[:2], [resolve(f"{tmp_path}/half.py:Backend")])
    found = [(each.case, each.verdict, each.message) for each in made.verdicts]
    assert found == [("plain", "agree", "no sums"), ("marked", "unsupported", "no strides")]
    assert (made.targets[0].untrue, made.exit_code()) == ({"no sums": 1}, 0)


def test_worker_that_cannot_be_started_is_no_fault_of_ours() -> None:
    """A command that is not there leaves the target unable to run, and nothing behind."""
    [event] = observe(Terms(limits=LIMITS), resolve("cmd:no-such-program worker.js"), smoke_call(), [])
    assert isinstance(event, TargetFailed)
    assert (event.is_fault, event.reason.split(":")[0]) == (False, "the worker cannot be started")


STRANGER = """
import json, os, re, sys, time
calls, progress, stream = sys.argv[1], sys.argv[2], int(sys.argv[3])
numbers = [int(number) for number in re.findall(rb'{"case":(-?[0-9]+),', open(calls, "rb").read())]
def say(message):
    os.write(stream, json.dumps(message).encode() + b"\\n")
def answer(number):
    say({"case": number, "outcome": "unsupported", "message": str(os.getpid())})
ready, done = {"ready": {"framework": "stranger"}}, {"done": True}
"""


def stranger(tmp_path: Path, body: str, timeout: float = 5.0) -> list[Event]:
    """Return what becomes of three calls under a worker of a few lines."""
    (tmp_path / "stranger.py").write_text(STRANGER + body)
    calls = [wire.pack_call(number, CASES[0].call) for number in range(3)]
    adapter = resolve(f"cmd:{sys.executable} {tmp_path}/stranger.py")
    return list(observe(Terms(limits=Limits(timeout=timeout, grace=0.2)), adapter, smoke_call(), calls))


@pytest.mark.parametrize(
    ("body", "workers"),
    [
        ("say(ready)\nfor number in numbers: answer(number)\nsay(done)", 1),
        ("say(ready)\nfor number in numbers: answer(number)", 1),
        ("say(ready)\nfor number in numbers: answer(number)\nos.abort()", 1),
        ("say(ready)\nfor number in numbers[:2]: answer(number)\nsay(done)", 2),
        ("say(ready)\nfor number in numbers: time.sleep(0.4); answer(number)\nsay(done)", 1),
        ("say(ready)\ntime.sleep(0.2)\nopen(calls); open(progress)\nfor number in numbers: answer(number)", 1),
    ],
    ids=["plain", "without-done", "dies-behind-the-last", "ends-early", "marks-no-progress", "opens-files-late"],
)
def test_every_call_is_answered(tmp_path: Path, body: str, workers: int) -> None:
    """What counts is that each call is answered: by how many workers, and how they end, does not."""
    first, *others = stranger(tmp_path, body, timeout=1.0)
    assert isinstance(first, TargetReady)
    seen = [(event.number, event.observation.outcome) for event in others if isinstance(event, CallSeen)]
    assert seen == [(0, "unsupported"), (1, "unsupported"), (2, "unsupported")]
    assert len({event.observation.message for event in others if isinstance(event, CallSeen)}) == workers


@pytest.mark.parametrize(
    ("body", "is_fault", "says"),
    [
        ("say({})", True, "first message of the worker is not part of"),
        ("answer(-1)", True, "first message of the worker is not part of"),
        ("say({'ready': True})", True, "first message of the worker is not part of"),
        ("say({'ready': {}})", True, "first message of the worker is not part of"),
        ("say({**ready, 'seconds': '1'})", True, "first message of the worker is not part of"),
        ("ready['ready']['settings'] = []; say(ready)", True, "first message of the worker is not part of"),
        ("ready['ready']['result_dtypes'] = [1]; say(ready)", True, "first message of the worker is not part of"),
        ("say({'unavailable': 'no device'})", False, "no device"),
        ("say(ready); say(done)", True, "`done` before it had answered any call"),
        ("say(ready); os.close(stream); time.sleep(30)", True, "closed its stream but did not exit"),
        ("say(ready); time.sleep(30)", False, "no end within 0.5 s"),
        ("sys.exit('no licence')", False, "the process ended with exit code 1 [last output: no licence]"),
        ("say(ready); say({'case': -1, 'outcome': 'raised', 'message': 'no'})", False, "a plain conv1d, failed: no"),
        (
            "say(ready); say({'case': -1, 'outcome': 'suite-error', 'message': 'no'})",
            True,
            "a plain conv1d, failed: no",
        ),
    ],
)
def test_worker_that_never_runs_is_said_to(tmp_path: Path, body: str, is_fault: bool, says: str) -> None:
    """A worker that does not come as far as its smoke call leaves the target unable to run, and says why."""
    [event] = stranger(tmp_path, body, timeout=0.5)
    assert isinstance(event, TargetFailed)
    assert (event.is_fault, says in event.reason) == (is_fault, True), event.reason


AHEAD = """
import struct
say(ready)
answer(numbers[0])
if numbers[0] < 0:
    with open(progress, "r+b") as file:
        file.write(struct.pack("<qq", 1, 2) + b"f(second)\\0")
    say({"case": 0, "outcome": "fine"})
    time.sleep(30)
for number in numbers[1:]: answer(number)
say(done)
"""


def test_a_call_has_no_text_of_a_later_one(tmp_path: Path) -> None:
    """A worker that is ahead of its broken answer has marked another call: its text is not that of the broken one."""
    first, *others = stranger(tmp_path, AHEAD)
    assert isinstance(first, TargetReady)
    seen = {event.number: event.observation for event in others if isinstance(event, CallSeen)}
    assert {number: each.outcome for number, each in seen.items()} == {
        0: "suite-error",
        1: "unsupported",
        2: "unsupported",
    }
    assert seen[0].call == ""


def test_watch_grants_the_time_anew_with_each_move() -> None:
    """A call begun, an answer received and becoming ready each begin the time again."""
    watch = Watch(Limits(timeout=0.2, start=0.2))
    for mark, is_ready in [((-2, 9), False), ((-2, 9), True), ((0, 9), True), ((0, 8), True)]:
        assert watch.overdue(mark, is_ready) == ""
        time.sleep(0.12)
        assert watch.overdue(mark, is_ready) == ""
        time.sleep(0.12)
    assert watch.overdue((0, 8), True) == "no end within 0.2 s"


def test_the_current_folder_is_for_strangers_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file beside the user must not be taken for a module that a framework looks for and does not find."""
    (tmp_path / "mine.py").write_text("class Mine: pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert str(tmp_path) not in _path(resolve("numpy"))
    assert str(tmp_path) == _path(resolve("mine:Mine"))[0]
