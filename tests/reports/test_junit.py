"""JUnit XML, of `run` and of pytest, as those who read it describe it: junit.xsd."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from ..support.command_line import Command

SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))

#: Markup, control characters, half of a surrogate pair, what is no character, and one behind the first plane.
HARSH = "<a href='x'>&amp; \" ]]> \x00\x1b[31m\r\n\t\x85 \ud800 \ufffe \U0001f600"

BACKENDS = f"""
from conv_conformance import Limit, Refused
from conv_conformance.backends.numpy import NumPy

HARSH = {HARSH!r}

class Harsh(NumPy):
    version = HARSH

    def prepare(self, call):
        if max(call.strides) > 1:
            raise Refused(HARSH)
        if call.input.size == 3:
            raise KeyError(HARSH)
        return super().prepare(call)

class Wrong(NumPy):
    def prepare(self, call):
        outputs = super().prepare(call)()
        return lambda: outputs._replace(arrays={{"output": outputs.arrays["output"] + 1}}, call=HARSH)

class Wordless(NumPy):
    limits = [Limit(HARSH, lambda call: max(call.strides) > 1)]

class Missing(NumPy):
    def __init__(self):
        raise ImportError(HARSH)
"""


@pytest.fixture
def targets(tmp_path: Path) -> list[str]:
    """Return targets of every kind of verdict, in a folder whose name XML cannot hold as it is."""
    folder = tmp_path / "<b> & \"c\" \x01 'd'"
    folder.mkdir()
    (folder / "backends.py").write_text(BACKENDS)
    return [f"{folder}/backends.py:{name}" for name in ("Harsh", "Wrong", "Wordless", "Missing")]


def checked(path: Path) -> Counter[str]:
    """Return how the tests of a file ended, once it fits the schema and counts them rightly."""
    SCHEMA.validate(path)
    ends: Counter[str] = Counter()
    names = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    for suite in ElementTree.parse(path).iter("testsuite"):  # noqa: S314 - our own text
        mine = {name: len(suite.findall(f"testcase/{tag}")) for name, tag in names.items()}
        assert {"tests": len(suite.findall("testcase")), **mine} == {
            name: int(suite.get(name) or 0) for name in ("tests", *names)
        }
        ends.update(mine)
    return ends


def test_junit_of_a_run_fits_the_schema(command: Command, cases: Path, targets: list[str], tmp_path: Path) -> None:
    """A record with agreements, disagreements, refusals, adapter faults, unsupported calls and a failed target."""
    words = [word for target in targets for word in ("-b", target)]
    assert command("run", cases, *words, "--junit", tmp_path / "r.xml").code == 4
    # Harsh refuses and is at fault, Wrong is off on all three, Wordless lacks one, and Missing all three and itself.
    assert checked(tmp_path / "r.xml") == {"failures": 4, "errors": 2, "skipped": 4}


@pytest.mark.parametrize("family", ["xunit1", "xunit2"])
def test_junit_of_pytest_fits_the_schema(cases: Path, targets: list[str], tmp_path: Path, family: str) -> None:
    """The same targets, in both of pytest's dialects, with everything logged."""
    options = [f"--conformance-backend={target}" for target in targets]
    options += [f"--conformance-cases={cases}", "--junitxml=p.xml", "-p", "no:cacheprovider"]
    settings = ["-o", "junit_logging=all", "-o", f"junit_family={family}"]
    words = [sys.executable, "-m", "pytest", "-q", *options, *settings]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    # A target that cannot run is in error there.
    assert checked(tmp_path / "p.xml") == {"failures": 4, "errors": 4, "skipped": 1}


SOUND = """\
<testsuites name="a"><testsuite name="b" tests="1" failures="1" errors="0" skipped="0">
<testcase classname="c" name="d" time="0.5">
<failure type="e" message="f">g</failure><system-out>h</system-out></testcase>
</testsuite></testsuites>
"""


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ("testsuites", "suites"),
        (' tests="1"', ""),
        ('failures="1"', 'failures="-1"'),
        ('errors="0"', 'errors="none"'),
        ('name="d"', ""),
        ('name="d"', 'name=""'),
        ('time="0.5"', 'time="0,5"'),
        ('time="0.5"', 'duration="0.5"'),
        (' message="f"', ""),
        ("<failure", '<skipped message="i"/><failure'),
        ("</testcase>", '<error message="i"/></testcase>'),
        ("</testcase>", "<properties/></testcase>"),
        ("system-out", "output"),
    ],
)
def test_schema_refuses(sound: str, broken: str) -> None:
    """What lacks something, has what no reader knows, or ends a test in two ways."""
    SCHEMA.validate(SOUND)
    assert sound in SOUND
    assert not SCHEMA.is_valid(SOUND.replace(sound, broken))
