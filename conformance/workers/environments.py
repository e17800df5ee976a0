"""
Cached virtual environments, in each of which pip has installed one release of a framework.

The suite itself is not installed in these environments, because its worker needs only Python 3.10 and NumPy.
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

#: A program that prints a JSON object: canonical name of each installed distribution -> version, `python` -> version.
LIST = """\
import json, platform, re
from importlib.metadata import distributions
found = {re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower(): each.version for each in distributions()}
print(json.dumps({"python": platform.python_version(), **found}))
"""

#: Matches the list of all existing versions, oldest first, in pip's error message about a version that does not exist.
_EVERY = re.compile(r"\(from versions: ([^()]*)\)")

_PIP = ("-m", "pip", "--disable-pip-version-check")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """
    An interpreter and the versions of its installed distributions.

    `versions` maps canonical names to versions; the key `python` holds the version of the interpreter.
    `seconds` is the time that creating the environment took, or 0 if the environment existed already.
    """

    python: Path
    versions: Mapping[str, str]
    seconds: float = 0.0


def folder() -> Path:
    """Return the folder of the cached environments."""
    return cache.folder() / "environments"


def installed() -> Environment:
    """Return the environment in which this process runs."""
    return existing(Path(sys.executable))


def existing(place: Path) -> Environment:
    """
    Return the environment at `place`, the path of its folder or of its interpreter.

    Raises:
        Invalid: if there is no interpreter at `place`.

    """
    python = place if place.is_file() else _interpreter(place)
    if not python.is_file():
        raise _failed(
            str(place), "no environment here: no bin/python", "name the folder of an environment, or its interpreter"
        )
    # Do not resolve links: the interpreter of a virtual environment may be a link to the one that created it.
    return Environment(python=python.absolute(), versions=_versions(python))


def resolved(requirement: Requirement, pip: Sequence[str] = ()) -> Requirement:
    """
    Return the requirement with a version: the version that it names, or else the version that pip would install.

    Raises:
        Invalid: if pip fails, or does not report a version.

    """
    if requirement.specifier:
        return requirement
    options = ("install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed", "--report", "-")
    report = _run([sys.executable, *_PIP, *options, *pip, str(requirement)], str(requirement))
    try:
        version = json.loads(report)["install"][0]["metadata"]["version"]
    except (ValueError, LookupError, TypeError) as error:
        raise _failed(
            str(requirement), "pip does not report the version that it would install", "name a version"
        ) from error
    return Requirement(f"{requirement.name}=={Version(version).public}")


def make_environment(requirements: Sequence[str], kept: Sequence[str] = (), pip: Sequence[str] = ()) -> Environment:
    """
    Return an environment with these requirements, from the cache or newly created.

    The distributions named in `kept` get the same versions as in this process's environment, if `requirements` allow
    these versions.

    Raises:
        Invalid: if the environment cannot be created; the message is pip's last error.

    """
    like = pins(kept)
    home = folder() / _name([*requirements, *like, *pip])
    with writing(home.parent, "set CONV_CONFORMANCE_CACHE to another folder"):
        cache.make_private(home.parent)
    if not cache.is_private(home.parent):
        # An interpreter from there would run whatever somebody else put into it.
        hint = "remove it, or set CONV_CONFORMANCE_CACHE to another folder"
        raise Invalid(Problem(path=str(home.parent), message="another user owns it or can write to it", hint=hint))
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
    """Return requirements that pin distributions to their installed versions; omit a name that is not installed."""
    requirements = []
    for name in names:
        try:
            # Drop a local version, such as `+cpu`: package indexes do not list it.
            requirements.append(f"{name}=={Version(metadata.version(name)).public}")
        except metadata.PackageNotFoundError:
            continue
    return requirements


def kept() -> dict[Path, int]:
    """Return the cached environments: folder -> size in bytes."""
    homes = sorted(home for home in folder().glob("*") if home.is_dir())
    return {home: sum(file.lstat().st_size for file in home.rglob("*") if not file.is_dir()) for home in homes}


def pruned() -> tuple[int, int]:
    """Remove every cached environment; return their number and their total size in bytes."""
    sizes = kept()
    for home in sizes:
        with FileLock(f"{home}.lock"):
            shutil.rmtree(home)
    return len(sizes), sum(sizes.values())


def _make(home: Path, requirements: Sequence[str], like: Sequence[str], pip: Sequence[str]) -> None:
    _run([sys.executable, "-m", "venv", "--clear", *_without_pip(), str(home)], str(home))
    install = [*_pip_for(home), "install", "--quiet", "--no-compile", *pip, *requirements]
    try:
        _run([*install, *like], " ".join(requirements))
    except Invalid as error:
        if "conflicting" not in str(error):
            raise
        # The release conflicts with the versions that `like` pins, so pip chooses the versions.
        _run(install, " ".join(requirements))


def _has_pip() -> bool:
    # Read the metadata, because a search for the module `pip` triggers an import hook of setuptools with side effects.
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
    versions: dict[str, str] = json.loads(_run([str(python), "-I", "-c", LIST], str(python)))
    return {name if name == "python" else canonicalize_name(name): version for name, version in versions.items()}


def _name(arguments: Sequence[str]) -> str:
    python = f"py{sys.version_info.major}.{sys.version_info.minor}"
    readable = re.sub(r"[^a-z0-9.]+", "-", arguments[0].lower()).strip("-.")
    return f"{python}-{readable}-{hashlib.sha256(chr(10).join([sys.executable, *arguments]).encode()).hexdigest()[:8]}"


def _run(command: Sequence[str], subject: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise _failed(subject, f"{Path(command[0]).name} cannot be started: {error.strerror}") from error
    if done.returncode:
        raise _failed(subject, _last(done.stdout + done.stderr) or f"exit code {done.returncode}")
    return done.stdout


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return _EVERY.sub(_newest, (errors or lines or [""])[0 if errors else -1])


def _newest(match: re.Match[str]) -> str:
    return f"(the newest are {', '.join(match[1].split(', ')[-3:])})"


def _failed(subject: str, message: str, hint: str = "") -> Invalid:
    return Invalid(Problem(path=subject, message=message, hint=hint))
