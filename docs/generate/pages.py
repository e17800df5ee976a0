"""
Write the pages of the specification and of the cases. Run it after changing a clause, its commentary or a case.

It writes docs/spec/index.md and a page for each area, with the pictures in docs/pictures; docs/cases/index.md, a page
for each operation and one for each case file; and those pages of docs/reference that list tables of the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from conv_conformance import corpus, specification
from conv_conformance.core.case import Case
from conv_conformance.corpus import Corpus
from conv_conformance.corpus.format import excerpt as excerpts
from conv_conformance.specification import template_filters, versions

from . import output, templating
from . import pictures as make_pictures
from .reference import backends, cli, faults, ledger, mutants, mutators, verdicts
from .reference import format as case_format

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Topic:
    """The literal cases of one file: `file` is its path in the corpus, `excerpts` holds the YAML of each case by id."""

    file: str
    about: str
    cases: tuple[Case, ...]
    excerpts: Mapping[str, str]

    @property
    def op(self) -> str:
        """The operation: the name of the file's folder."""
        return self.file.partition("/")[0]

    @property
    def name(self) -> str:
        """The topic: the name of the file without its suffix."""
        return Path(self.file).stem

    @property
    def page(self) -> str:
        """The path of the page, relative to docs/cases."""
        return page(self.file)


def page(file: str) -> str:
    """Return the path of the page of a case file, relative to docs/cases."""
    return f"{file.removesuffix('.yaml')}.md"


def pages() -> Mapping[Path, str]:
    """Return the text of every page, by its path relative to the repository."""
    loaded = corpus.load()
    areas = specification.load_commentary(loaded)
    topics = tuple(_topics(loaded))
    homes = {said.clause: area.name for area in areas for said in area.commentaries}
    environment = _environment(homes)
    spec, cases, reference = Path("docs/spec"), Path("docs/cases"), Path("docs/reference")
    facts = _facts(loaded, topics)
    pictures = make_pictures.pictures(areas, facts["cases"])
    environment.globals.update(facts, areas=areas, topics=topics, homes=homes, pictures=pictures)
    environment.globals.update(portability=_followed())
    return {
        spec / "index.md": _render(environment, "index"),
        **{spec / f"{area.name}.md": _render(environment, "area", area=area) for area in areas},
        cases / "index.md": _render(environment, "cases"),
        **{cases / f"{op}.md": _render(environment, "operation", op=op) for op in dict.fromkeys(t.op for t in topics)},
        **{cases / topic.page: _render(environment, "topic", topic=topic) for topic in topics},
        **make_pictures.text(pictures),
        reference / "backends.md": backends.page(),
        reference / "cli.md": cli.page(),
        reference / "faults.md": faults.page(loaded, areas),
        reference / "format.md": case_format.page(),
        reference / "ledger.md": ledger.page(),
        reference / "mutants.md": mutants.page(loaded),
        reference / "mutators.md": mutators.page(),
        reference / "verdicts.md": verdicts.page(),
    }


def _followed() -> frozenset[str]:
    """Return the clauses whose alternatives have a section on the page of portability."""
    page = ROOT / "docs" / "results" / "portability.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return frozenset(re.findall(r"^## ([A-Z0-9-]+)$", text, re.MULTILINE))


def _facts(loaded: Corpus, topics: Sequence[Topic]) -> dict[str, Any]:
    """Return the variables that all templates can use, by name."""
    return {
        "names": template_filters.NAMES,
        "specified": versions.current(),
        "clauses": loaded.clauses,
        "required": sum(clause.level == "required" for clause in loaded.clauses.values()),
        "cases": {case.id: case for case in loaded.cases},
        "cited": {name: [case for case in loaded.cases if name in case.clauses] for name in loaded.clauses},
        "excerpts": {name: text for topic in topics for name, text in topic.excerpts.items()},
    }


def _topics(loaded: Corpus) -> Iterator[Topic]:
    for file in sorted({case.path for case in loaded.cases}):
        about, written = excerpts.read((corpus.shipped() / file).read_bytes(), file)
        cases = tuple(case for case in loaded.cases if case.path == file)
        yield Topic(file=file, about=about, cases=cases, excerpts=written)


def _environment(homes: Mapping[str, str]) -> jinja2.Environment:
    environment = templating.environment()
    environment.filters |= template_filters.FILTERS
    environment.filters |= {
        "link": lambda case: f"{page(case.path)}#{case.id}",
        "linked": lambda text, folder="": template_filters.linked(text, lambda name: _address(name, homes, folder)),
    }
    return environment


def _address(name: str, homes: Mapping[str, str], folder: str) -> str:
    """Return the address of a clause, prefixed by the specification's folder; empty if there is no such clause."""
    return f"{folder}{homes[name]}.md#{name.lower()}" if name in homes else ""


def _render(environment: jinja2.Environment, name: str, **values: Any) -> str:
    text = environment.get_template(f"{name}.md.j2").render(values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def stale(root: Path) -> Iterator[str]:
    """Yield one line for each page below `root` that is out of date, and for each that has no cases any more."""
    wanted = pages()
    for path, text in wanted.items():
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text:
            yield f"{path.as_posix()}: out of date (run python -m docs.generate.pages)"
    for file in sorted([*(root / "docs" / "cases").rglob("*.md"), *(root / make_pictures.FOLDER).glob("*")]):
        if (path := file.relative_to(root)) not in wanted:
            yield f"{path.as_posix()}: has no cases any more (delete it)"


def main() -> None:
    """Write the pages."""
    with output.folder(small=output.options(__doc__).parse_args().small) as root:
        for path, text in pages().items():
            output.write(root, path, text)


if __name__ == "__main__":
    main()
