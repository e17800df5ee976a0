"""How the suite, a clause and a case are cited."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import conv_conformance
import pytest
import yaml
from click.testing import CliRunner
from conv_conformance import corpus
from conv_conformance.cli import commands
from conv_conformance.core.problem import Invalid
from conv_conformance.specification import citation, lock, versions

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs"


def cited(*words: str) -> str:
    result = CliRunner().invoke(commands, ["cite", *words], standalone_mode=False, catch_exceptions=False)
    return result.output


@pytest.fixture(scope="module")
def loaded() -> corpus.Corpus:
    """The literal cases and their clauses."""
    return corpus.load(sweeps="none")


def test_a_clause(loaded: corpus.Corpus) -> None:
    """Its sentence, the specification's version, its place and digest, in words and for BibTeX; the same twice."""
    made = cited("SAME-2")
    sentence, _, entry = made.partition("\n\n")
    assert f"Clause SAME-2: “{loaded.clauses['SAME-2'].sentence}”" in sentence
    digest = f"clause {versions.promise_of(loaded.clauses['SAME-2']).digest}"
    assert sentence.endswith(f"Specification 0.1, not yet released. spec/0.1.html#same-2 ({digest}).")
    assert entry == (
        "@misc{conv-conformance-specification-0.1-same-2,\n"
        "  author = {{The conv-conformance contributors}},\n"
        "  title = {{Clause SAME-2 of conv-conformance, a conformance suite for convolution layers}},\n"
        "  howpublished = {Specification 0.1, not yet released},\n"
        rf"  note = {{spec/0.1.html\#same-2, {digest}}},"
        "\n}\n"
    )
    assert made == cited("same-2")
    assert entry == cited("SAME-2", "--bibtex")


def test_the_address_of_a_clause_is_in_the_site(tmp_path: Path) -> None:
    """The page that is written into it has the anchor."""
    program = [sys.executable, "-m", "docs.generate.specification_page", str(tmp_path)]
    subprocess.run(program, cwd=PAGES.parent, check=True, capture_output=True)
    (address,) = re.findall(r"spec/\S+#same-2", cited("SAME-2").partition("\n")[0])
    page, _, anchor = address.partition("#")
    assert f'id="{anchor}"' in tmp_path.joinpath(page).read_text(encoding="utf-8")


def test_the_whole(loaded: corpus.Corpus) -> None:
    """The suite with the digest that every record holds."""
    assert f"{citation.TITLE}. Version {conv_conformance.__version__}, not yet released. spec/0.1.html" in cited()
    assert f"@misc{{conv-conformance-{conv_conformance.__version__},\n" in cited()
    assert loaded.digest in cited()


def test_a_case(loaded: corpus.Corpus) -> None:
    """The digest is that of the lock, which changes with what the case says."""
    case = next(case for case in loaded.cases if case.id == "conv1d.same.stride-two")
    made = cited(case.id)
    assert f"Case {case.id}: “{case.title}”" in made
    assert f"(case {lock.digest(case)})" in made


def test_every_place_exists(loaded: corpus.Corpus) -> None:
    """Anchors of literal cases stand in the documentation, as those of clauses do, and a sweep's file in the corpus."""
    index = (ROOT / "docs" / "spec" / "index.md").read_text(encoding="utf-8")
    for clause in loaded.clauses.values():
        assert f'<a id="{clause.anchor}"></a>**[{clause.id}]' in index
    found = [citation.of_case(case) for case in loaded.cases]
    texts: dict[str, str] = {}
    for each in found:
        page, _, anchor = each.anchor.partition("#")
        text = texts.setdefault(page, (ROOT / page).read_text(encoding="utf-8"))
        assert f'<a id="{anchor}"></a>' in text, each.anchor
    point = next(case for case in corpus.load(sweeps="quick").cases if case.sweep)
    assert (ROOT / citation.of_case(point).anchor).is_file()


def test_a_release_has_its_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """Year and month stand where BibTeX looks for them."""
    monkeypatch.setattr(citation, "RELEASED", "2027-03-09")
    made = citation.of_suite(corpus.Corpus(cases=(), digest="sha256:0"))
    assert f"Version {conv_conformance.__version__}, 2027-03-09. " in made.text
    assert "  year = {2027},\n  month = {3},\n" in made.bibtex


def test_nothing_in_an_entry_is_a_command() -> None:
    """What BibTeX and TeX would read as one is escaped."""
    made = citation.Citation(part=r"Case a_b%{\x}~^&$#", date="", anchor="a", digest="d")
    assert r"Case a\_b\%\{\textbackslash{}x\}\~{}\^{}\&\$\# of" in made.bibtex


def test_what_is_not_there() -> None:
    """One line, and a hint."""
    with pytest.raises(Invalid, match=r"SAME-22: no clause or case has this name \(did you mean 'SAME-2'\?\)"):
        cited("SAME-22")
    with pytest.raises(Invalid, match=r"same-22: .* \(did you mean 'SAME-2'\?\)"):
        cited("same-22")
    with pytest.raises(Invalid, match=r"same: .* \(the SAME clauses are SAME-1 to SAME-7\)"):
        cited("same")


def test_the_citation_file() -> None:
    """It fits the schema of its format, which check-jsonschema holds, and says what `cite` says."""
    program = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format"]
    made = subprocess.run([*program, ROOT / "CITATION.cff"], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout
    said = yaml.safe_load(ROOT.joinpath("CITATION.cff").read_text(encoding="utf-8"))
    assert (said["title"], said["authors"]) == (citation.TITLE, [{"name": citation.AUTHORS}])
    assert (said["version"], str(said.get("date-released", ""))) == (conv_conformance.__version__, citation.RELEASED)


def test_the_changelog() -> None:
    """The newest section is of this version and its day; each section tells specification, corpus and engine apart."""
    text = ROOT.joinpath("CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert sections[0].startswith(f"{conv_conformance.__version__}, {citation.RELEASED or 'not yet released'}\n")
    for section in sections:
        assert ["Specification", "Corpus", "Engine"] == re.findall(r"^### (.*)$", section, re.MULTILINE)
