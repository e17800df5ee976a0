"""Load a corpus: read the cases of files and folders and check them together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..core import Case, Invalid, Problem, cache, patterns, suggestion
from .assembly import Assembly, Documents, Sweeps
from .clauses import Clause, Fault, Profile
from .format.cases import Document, read_file
from .glossaries import NAMES, read_glossaries

#: The folders of a corpus without cases. They hold the ledger and the commentary on the clauses.
BESIDE = ("known", "specification")


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """
    Cases, with the glossaries that they cite.

    `digest` is "sha256:" followed by the SHA-256 of the paths and contents of all case files.
    """

    cases: tuple[Case, ...]
    clauses: Mapping[str, Clause] = field(default_factory=dict)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    digest: str = ""
    #: The number of combinations that each rule excludes, by sweep. The entry `enlarged` holds the number of literal
    #: cases without an enlarged twin, by reason.
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def select(self, wanted: Iterable[str]) -> Corpus:
        """
        Return a corpus with the cases whose id, sweep or file matches a pattern; without patterns, with all cases.

        Raises:
            Invalid: if a pattern matches nothing.

        """
        wanted = list(wanted)
        chosen = [case for case in self.cases if any(_fits(pattern, case) for pattern in wanted)]
        if lost := [pattern for pattern in wanted if not any(_fits(pattern, case) for case in self.cases)]:
            ids = {case.id for case in self.cases} | {case.sweep for case in self.cases} - {""}
            hints = (suggestion(each, ids) or "`conv-conformance list` shows the ids" for each in lost)
            wrong = zip(lost, hints, strict=True)
            raise Invalid(*(Problem(path=each, message="matches no case", hint=hint) for each, hint in wrong))
        return replace(self, cases=tuple(chosen)) if wanted else self


def _fits(pattern: str, case: Case) -> bool:
    return (
        patterns.matches_pattern(pattern, case.id)
        or (case.sweep != "" and patterns.matches_pattern(pattern, case.sweep))
        or patterns.matches_pattern(pattern.removeprefix("./"), case.path)
        or case.path.startswith(f"{pattern.rstrip('/')}/")
    )


def shipped() -> Path:
    """Return the folder of the corpus that is installed with the suite."""
    from .. import cases

    return Path(next(iter(cases.__path__)))


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file of a corpus; `path` is its name in messages and reports."""

    file: Path
    path: str


def load(paths: Sequence[Path | str] | None = None, *, sweeps: Sweeps = "none") -> Corpus:
    """
    Return the corpus of `paths` (files and folders), or the shipped corpus if `paths` is None.

    Literal cases come before points of sweeps. `sweeps` selects the sweeps by tier; `full` includes `quick`.

    Raises:
        Invalid: if any file has a problem. The exception holds all problems of all files.

    """
    problems: list[Problem] = []
    sources = list(_sources([shipped()] if paths is None else paths, is_shipped=paths is None, problems=problems))
    contents = {source: content for source in sources if (content := _content(source, problems)) is not None}
    folders = [shipped(), *(path for path in map(Path, paths or ()) if path.is_dir())]
    glossaries = read_glossaries(folders, problems)
    documents = [(source.path, _document(content, source.path, problems)) for source, content in contents.items()]
    elsewhere = _nothing if paths is None else _shipped_documents
    # Only shipped cases get enlarged twins.
    assembly = Assembly(glossaries=glossaries, problems=problems, elsewhere=elsewhere, enlarges=paths is None)
    cases = assembly.cases(documents, sweeps)
    if problems:
        raise Invalid(*sorted(dict.fromkeys(problems)))
    return Corpus(cases=cases, **vars(glossaries), digest=_digest(contents), left_out=assembly.left_out)


def _nothing() -> Documents:
    return ()


def _shipped_documents() -> Documents:
    """Read the shipped cases, so that cases of other files can name them as twins."""
    sources = _sources([shipped()], is_shipped=True, problems=[])
    return [(source.path, _document(source.file.read_bytes(), source.path, [])) for source in sources]


def _sources(paths: Sequence[Path | str], *, is_shipped: bool, problems: list[Problem]) -> Iterator[Source]:
    for given in dict.fromkeys(map(str, paths)):
        path = Path(given)
        if path.is_dir():
            for file in _below(path, problems):
                inside = file.relative_to(path)
                if file.name not in NAMES and inside.parts[0] not in BESIDE:
                    yield Source(file=file, path=inside.as_posix() if is_shipped else file.as_posix())
        elif path.is_file():
            yield Source(file=path, path=path.as_posix())
        else:
            problems.append(Problem(path=given, message="no such file or folder"))


def _below(folder: Path, problems: list[Problem]) -> list[Path]:
    try:
        return sorted(folder.rglob("*.yaml"))
    except OSError as error:
        problems.append(Problem(path=str(folder), message=f"cannot be read: {error.strerror}"))
        return []


def _content(source: Source, problems: list[Problem]) -> bytes | None:
    try:
        return source.file.read_bytes()
    except OSError as error:
        problems.append(Problem(path=source.path, message=f"cannot be read: {error.strerror}"))
        return None


def _digest(contents: Mapping[Source, bytes]) -> str:
    whole = hashlib.sha256()
    for source, content in sorted(contents.items(), key=lambda item: item[0].path):
        whole.update(f"{source.path}\0{len(content)}\0".encode() + content)
    return f"sha256:{whole.hexdigest()}"


def _document(content: bytes, path: str, problems: list[Problem]) -> Document:
    name = cache.key(content)
    if (kept := cache.get(name)) is not None:
        document: Document = kept
        return document
    document, found = read_file(content, path)
    problems += found
    if not found:
        cache.put(name, document)
    return document
