"""
A release as one bundle of files, for an archive: the specification, its source, the corpus, and checksums of it all.

The files depend on the sources alone, so that whoever has this version installed makes the same bytes.
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
#: Ends of names of archives that are not written.
OTHERS = (".zip", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z")
#: What of the folder of the corpus is no part of a bundle: what was measured with it, and seen of frameworks.
_ELSEWHERE = ("kills.json", "known")
_KINDS = (".json", ".md", ".yaml")
#: Documents of the repository, by their paths in it, and where they are in a bundle.
_DOCUMENTS = {
    "CHANGELOG.md": "CHANGELOG.md",
    "CITATION.cff": "CITATION.cff",
    "LICENSE": "LICENSE",
    "docs/spec/LICENSE": "spec/LICENSE",
    "docs/spec/glossary.md": "spec/glossary.md",
    "docs/spec/versions.md": "spec/versions.md",
}
#: 1 January 1980, the first day that every format of archives can say.
_NO_DAY = 315532800
_LINK = re.compile(r"\[([^\[\]]+)\]\(([^()\s]+)\)")
_LINE = re.compile(r"([0-9a-f]{64})  ([^\0]+)")


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """
    The files of a release by their paths, checksums included; `name` is that of their folder in an archive.

    `time` is when all of them were made, in seconds since 1970.
    """

    name: str
    files: Mapping[str, bytes]
    time: int

    @property
    def digest(self) -> str:
        """The digest of the checksums, and so of everything."""
        return _digest(self.files[SUMS])


def made(corpus: Corpus) -> Bundle:
    """
    Return the bundle of this version, with the literal cases of the shipped corpus.

    Raises:
        Invalid: if it breaks what released versions promise, or is a release that is not locked.

    """
    current = edition()
    _hold(corpus, current.version, versions.read(shipped() / versions.FILE))
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
    """Return the edition of the specification that is shipped."""
    version = versions.current()
    released = versions.read(shipped() / versions.FILE)
    return specification_page.Edition(
        version=version,
        date=released[version].date if version in released else "",
        maker=f"conv-conformance {__version__}",
        appendices={name: _document(f"docs/spec/{name}.md").decode() for name in ("glossary", "versions")},
    )


def _hold(corpus: Corpus, version: str, released: versions.Versions) -> None:
    """Refuse to bundle what is not what was promised."""
    problems = [*versions.check(corpus.clauses, version, released)]
    problems += lock.check(corpus.cases, lock.read(shipped() / lock.FILE))
    if citation.RELEASED and version not in released:
        hint = "`conv-conformance validate --lock` does it"
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
    """Return a file in which links of Markdown to what is not in the bundle are plain text."""

    def kept(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link[2].partition("#")[0]))
        return link[0] if re.match("https?:|#", link[2]) or target in paths else link[1]

    return _LINK.sub(kept, content.decode()).encode() if path.endswith(".md") else content


def _document(path: str) -> bytes:
    """Return a document of the repository: from where the wheel has put it, or from the checkout."""
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
    """Return the time that SOURCE_DATE_EPOCH names, else the day of the release, else a day that never changes."""
    if said := os.environ.get("SOURCE_DATE_EPOCH"):
        if not re.fullmatch("[0-9]{1,10}", said):
            hint = "a whole number of seconds since 1970"
            raise Invalid(Problem(path="SOURCE_DATE_EPOCH", message=f"{said!r} is no time", hint=hint))
        return int(said)
    if not citation.RELEASED:
        return _NO_DAY
    return int(datetime.fromisoformat(citation.RELEASED).replace(tzinfo=timezone.utc).timestamp())


def write(bundle: Bundle, place: Path) -> None:
    """
    Write a bundle as a folder, or as an archive if the name ends on .tar or .tar.gz: all of it, or nothing.

    Raises:
        Invalid: if there is something of this name, or it is of another kind of archive, or it cannot be written.

    """
    if place.suffix in OTHERS and not place.name.endswith((".tar", ".tar.gz")):
        message = f"no archive is written as {place.suffix}"
        raise Invalid(
            Problem(path=str(place), message=message, hint="a name that ends on .tar or .tar.gz, or a folder's")
        )
    if os.path.lexists(place):
        raise Invalid(Problem(path=str(place), message="is there already", hint="another name, or remove it"))
    with writing(place), tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as folder:
        # What is not whole never bears the name.
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
            # Owner and group are 0, without names, and everyone may read.
            entry = tarfile.TarInfo(f"{bundle.name}/{path}")
            entry.size, entry.mtime = len(content), bundle.time
            archive.addfile(entry, BytesIO(content))


def wrong(place: Path) -> tuple[list[str], str]:
    """
    Return where the files of a bundle, a folder or an archive, are not what its checksums say, and the digest of these.

    Raises:
        Invalid: if it is no bundle.

    """
    found = dict(_packed(place) if place.is_file() else _unpacked(place))
    sums = found.pop(SUMS, None)
    if sums is None:
        raise Invalid(Problem(path=str(place), message=f"no bundle: there is no {SUMS} in it"))
    lines = [_LINE.fullmatch(line) for line in sums.decode(errors="replace").splitlines()]
    said = {line[2]: line[1] for line in lines if line}
    if None in lines or len(said) < len(lines):
        raise Invalid(Problem(path=f"{place}/{SUMS}", message="no checksums: a digest and a path each line, once"))
    told = dict.fromkeys(said.keys() - found.keys(), "is not there")
    told |= dict.fromkeys(found.keys() - said.keys(), f"is not named in {SUMS}")
    told |= {path: "has other bytes" for path in said.keys() & found.keys() if _digest(found[path]) != said[path]}
    return [f"{path}: {told[path]}" for path in sorted(told)], _digest(sums)


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
        # Of what is no archive at all tarfile tells at length why each way to read it fails.
        why = "it is no tar archive" if str(error).startswith("file could not be opened") else str(error)
        raise Invalid(Problem(path=str(place), message=f"no bundle: {why}")) from error


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    """Return the bytes of a file in an archive; a link might lead out of it."""
    content = archive.extractfile(entry) if entry.isfile() else None
    if content is None:
        raise tarfile.TarError(f"{entry.name} is no file")
    return content.read()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
