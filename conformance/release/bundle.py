"""
Build the bundle of a release: the specification, its sources, the corpus, and checksums of all files.

The bundle is meant for long-term archives. Its files depend only on the sources of this version, so every installation
of the version builds the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import posixpath
import re
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from typing import IO

from jinja2 import Environment, StrictUndefined

from .. import __version__
from ..core import Invalid, Problem, writing
from ..corpus import Corpus, shipped
from ..reports import page_files, specification_page
from ..specification import citation, export, lock, versions

SUMS = "SHA256SUMS"
#: Suffixes of archive formats that are not supported.
OTHERS = (".zip", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z")
#: Files and folders of the corpus that bundles omit: the measured kills, and the known failures of frameworks.
_ELSEWHERE = ("kills.json", "known")
_KINDS = (".json", ".md", ".yaml")
#: The path of each document in the bundle, by the document's path in the repository.
_DOCUMENTS = {
    "CHANGELOG.md": "CHANGELOG.md",
    "CITATION.cff": "CITATION.cff",
    "LICENSE": "LICENSE",
    "docs/spec/LICENSE": "spec/LICENSE",
    "docs/spec/glossary.md": "spec/glossary.md",
    "docs/spec/versions.md": "spec/versions.md",
}
#: The time of files before the release: 1 January 1980, the first date that every archive format can represent.
_NO_DAY = 315532800
_LINK = re.compile(r"\[([^\[\]]+)\]\(([^()\s]+)\)")
_LINE = re.compile(r"([0-9a-f]{64})  ([^\0]+)")


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """
    The files of a release by path, including the file of checksums.

    `name` is the top folder in an archive. `time` is the modification time of all files, in seconds since 1970.
    """

    name: str
    files: Mapping[str, bytes]
    time: int

    @property
    def digest(self) -> str:
        """The SHA-256 digest of the checksum file, as hexadecimal digits. A change of any file changes the digest."""
        return _digest(self.files[SUMS])


def make_bundle(corpus: Corpus) -> Bundle:
    """
    Return the bundle of this version; `corpus` must be the literal cases of the shipped corpus.

    Raises:
        Invalid: if `corpus` breaks a promise of a released version, or if the specification of this release is not
            locked.

    """
    current = edition()
    _check_promises(corpus, current.version, versions.read(shipped() / versions.FILE))
    content = {
        **{place: _document(path) for path, place in _DOCUMENTS.items()},
        **dict(_sources()),
        versions.address(current.version): specification_page.render(corpus, current).encode(),
        "corpus.json": (
            json.dumps(export.corpus_document(corpus), ensure_ascii=False, allow_nan=False) + "\n"
        ).encode(),
        "README.md": _readme(corpus, current).encode(),
    }
    content = {path: _linked(path, content[path], content.keys()) for path in sorted(content)}
    sums = "".join(f"{_digest(each)}  {path}\n" for path, each in content.items())
    return Bundle(name=f"conv-conformance-{__version__}", files={**content, SUMS: sums.encode()}, time=_time())


def edition() -> specification_page.Edition:
    """Return the version, date and appendices of the shipped specification."""
    version = versions.current()
    released = versions.read(shipped() / versions.FILE)
    return specification_page.Edition(
        version=version,
        date=released[version].date if version in released else "",
        maker=f"conv-conformance {__version__}",
        appendices={name: _document(f"docs/spec/{name}.md").decode() for name in ("glossary", "versions")},
    )


def _check_promises(corpus: Corpus, version: str, released: versions.Versions) -> None:
    """Raise Invalid if the corpus breaks a promise of a released version, or if this release is not locked."""
    problems = [*versions.check(corpus.clauses, version, released)]
    problems += lock.check(corpus.cases, lock.read(shipped() / lock.FILE))
    if citation.RELEASED and version not in released:
        hint = "run `conv-conformance validate --lock`"
        problems.append(Problem(path=versions.FILE, message=f"version {version} is not locked", hint=hint))
    if problems:
        raise Invalid(*problems)


def _sources() -> Iterator[tuple[str, bytes]]:
    folder = shipped()
    for file in folder.rglob("*"):
        inside = file.relative_to(folder)
        if inside.parts[0] not in _ELSEWHERE and (file.suffix in _KINDS or file.name == "LICENSE"):
            yield f"cases/{inside.as_posix()}", file.read_bytes()


def _linked(path: str, content: bytes, paths: Collection[str]) -> bytes:
    """Return a file's content. In Markdown, each link to a file outside the bundle is replaced by the link's text."""

    def kept(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link[2].partition("#")[0]))
        return link[0] if re.match("https?:|#", link[2]) or target in paths else link[1]

    return _LINK.sub(kept, content.decode()).encode() if path.endswith(".md") else content


def _document(path: str) -> bytes:
    """Return the content of a repository document, from the installed package or else from the checkout."""
    installed, checkout = Path(__file__).parents[1] / "documents", Path(__file__).parents[2]
    return ((installed if installed.is_dir() else checkout) / path).read_bytes()


def _readme(corpus: Corpus, edition: specification_page.Edition) -> str:
    text = page_files.read("bundle.md.jinja")
    environment = Environment(
        autoescape=False,  # noqa: S701 - it is Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(text).render(
        version=__version__,
        released=citation.RELEASED,
        edition=edition,
        corpus=corpus,
        citation=citation.of_suite(corpus),
    )


def _time() -> int:
    """Return SOURCE_DATE_EPOCH if it is set, else the release date, else a fixed date."""
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        if not re.fullmatch("[0-9]{1,10}", epoch):
            hint = "set an integer number of seconds since 1970"
            raise Invalid(Problem(path="SOURCE_DATE_EPOCH", message=f"{epoch!r} is not a time", hint=hint))
        return int(epoch)
    if not citation.RELEASED:
        return _NO_DAY
    return int(datetime.fromisoformat(citation.RELEASED).replace(tzinfo=timezone.utc).timestamp())


def write(bundle: Bundle, place: Path) -> None:
    """
    Write a bundle to `place`: as an archive if the name ends in .tar or .tar.gz, else as a folder.

    A write that fails leaves no file or folder behind.

    Raises:
        Invalid: if `place` exists, names an unsupported archive format, or cannot be written.

    """
    if place.suffix in OTHERS and not place.name.endswith((".tar", ".tar.gz")):
        message = f"archives of format {place.suffix} are not supported"
        raise Invalid(
            Problem(path=str(place), message=message, hint="use a name that ends in .tar or .tar.gz, or a folder")
        )
    if os.path.lexists(place):
        raise Invalid(Problem(path=str(place), message="already exists", hint="remove it, or choose another name"))
    with writing(place), tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as folder:
        # Only a complete bundle is renamed to `place`.
        part = Path(folder, "part")
        if place.name.endswith((".tar", ".tar.gz")):
            _archive(bundle, part, is_packed=place.suffix == ".gz")
        else:
            _unfold(bundle, part)
        part.rename(place)


def _unfold(bundle: Bundle, folder: Path) -> None:
    for path, content in bundle.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (bundle.time, bundle.time))


def _archive(bundle: Bundle, file: Path, *, is_packed: bool) -> None:
    with file.open("wb") as raw:
        if not is_packed:
            _tar(bundle, raw)
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
            _tar(bundle, packed)


def _tar(bundle: Bundle, file: IO[bytes] | gzip.GzipFile) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in bundle.files.items():
            # By default, a TarInfo has owner and group 0 without names, and mode 0644.
            entry = tarfile.TarInfo(f"{bundle.name}/{path}")
            entry.size, entry.mtime = len(content), bundle.time
            archive.addfile(entry, BytesIO(content))


def wrong(place: Path) -> tuple[list[str], str]:
    """
    Return (differences, digest): how the bundle in `place` differs from its checksums, and the checksum file's digest.

    `place` is a folder or an archive. Each difference is one line of text that begins with the path of a file.

    Raises:
        Invalid: if `place` is not a bundle.

    """
    found = dict(_packed(place) if place.is_file() else _unpacked(place))
    sums = found.pop(SUMS, None)
    if sums is None:
        raise Invalid(Problem(path=str(place), message=f"not a bundle: it has no {SUMS}"))
    lines = [_LINE.fullmatch(line) for line in sums.decode(errors="replace").splitlines()]
    listed = {line[2]: line[1] for line in lines if line}
    if None in lines or len(listed) < len(lines):
        raise Invalid(
            Problem(path=f"{place}/{SUMS}", message="every line must have a digest and a path, and each path once")
        )
    differences = dict.fromkeys(listed.keys() - found.keys(), "is missing")
    differences |= dict.fromkeys(found.keys() - listed.keys(), f"is not listed in {SUMS}")
    differences |= {
        path: "does not match its checksum"
        for path in listed.keys() & found.keys()
        if _digest(found[path]) != listed[path]
    }
    return [f"{path}: {differences[path]}" for path in sorted(differences)], _digest(sums)


def _unpacked(folder: Path) -> Iterator[tuple[str, bytes]]:
    try:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                yield file.relative_to(folder).as_posix(), file.read_bytes()
    except OSError as error:
        raise Invalid(Problem(path=str(error.filename), message=f"cannot be read: {error.strerror}")) from error


def _packed(place: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(place) as archive:
            for entry in archive:
                if not entry.isdir():
                    yield entry.name.partition("/")[2], _content(archive, entry)
    except (OSError, EOFError, tarfile.TarError) as error:
        # For a file that is not an archive, tarfile lists the errors of every format that it tried.
        why = "it is not a tar archive" if str(error).startswith("file could not be opened") else str(error)
        raise Invalid(Problem(path=str(place), message=f"not a bundle: {why}")) from error


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    """Return the bytes of a regular file in an archive. Links are refused, because a link can point elsewhere."""
    content = archive.extractfile(entry) if entry.isfile() else None
    if content is None:
        raise tarfile.TarError(f"{entry.name} is not a regular file")
    return content.read()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
