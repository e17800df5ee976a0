"""
Environments with one release of a framework, made by the user's own pip and kept for the next time.

Nothing of this suite is installed into them: its worker needs Python 3.10 and NumPy alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from time import perf_counter

from filelock import FileLock
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from ..core import Invalid, Problem, cache, writing

#: Prints what is installed beside an interpreter, by canonical names.
LIST = """\
import json, platform, re
from importlib.metadata import distributions
found = {re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower(): each.version for each in distributions()}
print(json.dumps({"python": platform.python_version(), **found}))
"""

#: What pip lists where it does not find a version: every one that there is, the newest ones at the end.
_EVERY = re.compile(r"\(from versions: ([^()]*)\)")

_PIP = ("-m", "pip", "--disable-pip-version-check")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """
    An interpreter, and the versions of what is installed beside it, by canonical names; `python` is its own.

    `seconds` is what making it took, 0 where it was there.
    """

    python: Path
    versions: Mapping[str, str]
    seconds: float = 0.0


def folder() -> Path:
    """Return where environments are kept."""
    return cache.folder() / "environments"


def installed() -> Environment:
    """Return the environment in which this process runs."""
    return existing(Path(sys.executable))


def existing(place: Path) -> Environment:
    """
    Return an environment by its folder, or by its interpreter.

    Raises:
        Invalid: if there is none.

    """
    python = place if place.is_file() else _interpreter(place)
    if not python.is_file():
        raise _failed(str(place), "no environment here: it has no bin/python", "name the folder of one, or its Python")
    # Not resolved: an environment's interpreter is a link, and what it leads to is another one.
    return Environment(python=python.absolute(), versions=_versions(python))


def resolved(requirement: Requirement, pip: Sequence[str] = ()) -> Requirement:
    """
    Return a requirement with a version: its own, else the one that pip would install.

    Raises:
        Invalid: if there is none.

    """
    if requirement.specifier:
        return requirement
    words = ("install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed", "--report", "-")
    said = _run([sys.executable, *_PIP, *words, *pip, str(requirement)], str(requirement))
    try:
        version = json.loads(said)["install"][0]["metadata"]["version"]
    except (ValueError, LookupError, TypeError) as error:
        raise _failed(str(requirement), "pip does not say which version it would install", "name one") from error
    return Requirement(f"{requirement.name}=={Version(version).public}")


def made(requirements: Sequence[str], kept: Sequence[str] = (), pip: Sequence[str] = ()) -> Environment:
    """
    Return an environment with these requirements, from the cache or made now.

    What is `kept` is to have the versions that are installed here, as far as the requirements allow.

    Raises:
        Invalid: if it cannot be made, with pip's own last error.

    """
    like = pins(kept)
    home = folder() / _name([*requirements, *like, *pip])
    with writing(home.parent, "CONV_CONFORMANCE_CACHE can name another folder"):
        home.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{home}.lock"):
        if not (home / "ready").exists():
            began = perf_counter()
            try:
                _make(home, requirements, like, pip)
            except BaseException:
                shutil.rmtree(home, ignore_errors=True)
                raise
            (home / "ready").touch()
            return replace(existing(home), seconds=perf_counter() - began)
        return existing(home)


def pins(names: Sequence[str]) -> list[str]:
    """Return requirements for the versions that are installed here, of what is installed."""
    found = []
    for name in names:
        try:
            # A local version, such as `+cpu`, says where a wheel came from, and no index has it under that name.
            found.append(f"{name}=={Version(metadata.version(name)).public}")
        except metadata.PackageNotFoundError:
            continue
    return found


def kept() -> dict[Path, int]:
    """Return the environments that are kept, with the bytes that each takes."""
    homes = sorted(home for home in folder().glob("*") if home.is_dir())
    return {home: sum(file.lstat().st_size for file in home.rglob("*") if not file.is_dir()) for home in homes}


def pruned() -> tuple[int, int]:
    """Remove every environment; return how many there were, and how many bytes they took."""
    found = kept()
    for home in found:
        with FileLock(f"{home}.lock"):
            shutil.rmtree(home)
    return len(found), sum(found.values())


def _make(home: Path, requirements: Sequence[str], like: Sequence[str], pip: Sequence[str]) -> None:
    _run([sys.executable, "-m", "venv", "--clear", *_without_pip(), str(home)], str(home))
    install = [*_pip_for(home), "install", "--quiet", "--no-compile", *pip, *requirements]
    try:
        _run([*install, *like], " ".join(requirements))
    except Invalid as error:
        if "conflicting" not in str(error):
            raise
        # The release cannot be with what is installed here: then with what it asks for itself.
        _run(install, " ".join(requirements))


def _has_pip() -> bool:
    # Not by looking for its module: a hook of setuptools does more than that then.
    try:
        metadata.version("pip")
    except metadata.PackageNotFoundError:
        return False
    return True


def _without_pip() -> list[str]:
    return ["--without-pip"] if _has_pip() else []


def _pip_for(home: Path) -> list[str]:
    if _has_pip():
        return [sys.executable, *_PIP, "--python", str(_interpreter(home))]
    return [str(_interpreter(home)), *_PIP]


def _interpreter(home: Path) -> Path:
    return home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _versions(python: Path) -> Mapping[str, str]:
    found: dict[str, str] = json.loads(_run([str(python), "-I", "-c", LIST], str(python)))
    return {name if name == "python" else canonicalize_name(name): version for name, version in found.items()}


def _name(words: Sequence[str]) -> str:
    python = f"py{sys.version_info.major}.{sys.version_info.minor}"
    readable = re.sub(r"[^a-z0-9.]+", "-", words[0].lower()).strip("-.")
    return f"{python}-{readable}-{hashlib.sha256(chr(10).join([sys.executable, *words]).encode()).hexdigest()[:8]}"


def _run(words: Sequence[str], what: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise _failed(what, f"{Path(words[0]).name} cannot be started: {error.strerror}") from error
    if done.returncode:
        raise _failed(what, _last(done.stdout + done.stderr) or f"exit code {done.returncode}")
    return done.stdout


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return _EVERY.sub(_newest, (errors or lines or [""])[0 if errors else -1])


def _newest(found: re.Match[str]) -> str:
    return f"(the newest are {', '.join(found[1].split(', ')[-3:])})"


def _failed(what: str, message: str, hint: str = "") -> Invalid:
    return Invalid(Problem(path=what, message=message, hint=hint))
