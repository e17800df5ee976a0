"""The bundle of a release: what is in it, that it is the same bytes twice, and that nobody takes a half one for it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from conv_conformance import __version__, corpus
from conv_conformance.core.problem import Invalid
from conv_conformance.release import bundle
from conv_conformance.release.bundle import Bundle
from conv_conformance.specification import citation, export, lock, versions
from conv_conformance.specification.versions import Promise, Version
from markdown_it import MarkdownIt

from ..support.command_line import Command, is_clean

DAY = 1_804_550_400  # 9 March 2027
KINDS = ("bundle", "bundle.tar", "bundle.tar.gz")


@pytest.fixture(scope="module")
def made() -> Bundle:
    """The bundle of this version."""
    return bundle.make_bundle(corpus.load())


@pytest.fixture
def small() -> Bundle:
    """A bundle of two files and their checksums."""
    content = {"a/b.txt": b"one\n", "c.txt": b"two\n"}
    sums = "".join(f"{hashlib.sha256(each).hexdigest()}  {path}\n" for path, each in content.items())
    return Bundle(name="small-1", files={**content, bundle.SUMS: sums.encode()}, time=DAY)


@pytest.fixture
def sums(small: Bundle) -> str:
    """The digest of its checksums."""
    return hashlib.sha256(small.files[bundle.SUMS]).hexdigest()


def test_what_is_in_it(made: Bundle) -> None:
    """Specification, its source, corpus, schema, documents and licences; nothing that was measured or seen."""
    shipped = corpus.shipped()
    named = {
        "README.md",
        "CHANGELOG.md",
        "CITATION.cff",
        "LICENSE",
        "SHA256SUMS",
        "corpus.json",
        *(f"spec/{name}" for name in ("0.1.html", "LICENSE", "glossary.md", "versions.md")),
        *(f"cases/{name}" for name in ("LICENSE", "README.md", "case.schema.json", "clauses.yaml", "faults.yaml")),
    }
    assert named <= made.files.keys()
    yaml = {f"cases/{path.relative_to(shipped).as_posix()}" for path in shipped.rglob("*.yaml")}
    assert {path for path in yaml if not path.startswith("cases/known/")} == {
        p for p in made.files if p[-5:] == ".yaml"
    }
    assert not [path for path in made.files if "kills" in path or "known" in path]
    assert made.files["cases/clauses.yaml"] == (shipped / "clauses.yaml").read_bytes()
    assert b'<section id="same-2" class="clause">' in made.files["spec/0.1.html"]


def test_its_corpus_is_the_export(made: Bundle) -> None:
    """Every literal case with its arrays, in the format that export writes, which fits its own schema."""
    said = json.loads(made.files["corpus.json"])
    known = corpus.load()
    assert (export.FORMAT, known.digest) == (said["format"], said["suite"]["corpus"])
    assert [case.id for case in known.cases] == [case["id"] for case in said["cases"]]
    jsonschema.Draft202012Validator(export.SCHEMA).validate({**said, "cases": said["cases"][:50]})


def test_its_links_lead_to_its_files(made: Bundle) -> None:
    """Or out of the archive; what the repository alone has is text there."""
    pages = {path: content.decode() for path, content in made.files.items() if path.endswith(".md")}
    tokens = [(path, token) for path, text in pages.items() for token in MarkdownIt().parse(text)]
    children = [(path, child) for path, token in tokens for child in token.children or ()]
    links = [(path, str(child.attrGet("href"))) for path, child in children if child.type == "link_open"]
    inside = [(path, target.partition("#")[0]) for path, target in links if not re.match("https?:|#", target)]
    assert links
    assert {os.path.normpath(Path(path).parent / target) for path, target in inside} <= made.files.keys()


def test_its_readme_names_every_file(made: Bundle) -> None:
    """Each file, or its folder, has a line that says what it is; versions and digest are those of the corpus."""
    text = made.files["README.md"].decode()
    for path in made.files.keys() - {"README.md"}:
        assert any(f"`{each}`" in text for each in (path, *(f"{folder}/" for folder in Path(path).parents))), path
    assert corpus.load().digest in text
    assert text.startswith(f"# conv-conformance {__version__}\n\nA draft: not yet released. ")
    assert "spec/0.1.html" in text


def test_the_checksums_are_those_of_its_files(made: Bundle) -> None:
    """In the form of sha256sum, in the order of paths, of every file but themselves."""
    lines = made.files[bundle.SUMS].decode().splitlines()
    others = sorted(made.files.keys() - {bundle.SUMS})
    assert [f"{hashlib.sha256(made.files[path]).hexdigest()}  {path}" for path in others] == lines


def test_the_same_bytes_twice(made: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another day, folder, locale, time zone, mask and order of hashes change nothing."""
    monkeypatch.setattr(time, "time", lambda: 4e9)
    bundle.write(made, tmp_path / "one.tar.gz")
    foreign = {"LC_ALL": "C", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7", "PYTHONUTF8": "0"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    words = [sys.executable, "-m", "conv_conformance", "release", "two.tar.gz"]
    environment = {**os.environ, **foreign}
    subprocess.run(words, cwd=elsewhere, env=environment, umask=0o077, check=True, capture_output=True)
    assert (tmp_path / "one.tar.gz").read_bytes() == (elsewhere / "two.tar.gz").read_bytes()


@pytest.mark.parametrize("kind", KINDS[1:])
def test_an_archive_says_nothing_of_who_made_it(small: Bundle, tmp_path: Path, kind: str) -> None:
    """Neither owner nor mask nor moment; its files are in one folder, the checksums last."""
    bundle.write(small, tmp_path / kind)
    with tarfile.open(tmp_path / kind) as archive:
        entries = archive.getmembers()
    assert ["small-1/a/b.txt", "small-1/c.txt", "small-1/SHA256SUMS"] == [each.name for each in entries]
    assert {(0, 0, "", "", 0o644, DAY)} == {(e.uid, e.gid, e.uname, e.gname, e.mode, e.mtime) for e in entries}
    if kind.endswith(".gz"):
        head = (tmp_path / kind).read_bytes()[:10]
        assert b"\x1f\x8b\x08\x00\0\0\0\0\0\xff" == head


def test_a_folder_has_its_files(small: Bundle, tmp_path: Path) -> None:
    """With the bytes and the time of the bundle, and nothing is left beside it."""
    bundle.write(small, tmp_path / "bundle")
    for path, content in small.files.items():
        assert (content, DAY) == (
            (tmp_path / "bundle" / path).read_bytes(),
            (tmp_path / "bundle" / path).stat().st_mtime,
        )
    assert ["bundle"] == [each.name for each in tmp_path.iterdir()]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_overwritten(small: Bundle, tmp_path: Path, kind: str) -> None:
    """A folder, a file, and a link that leads nowhere are in the way."""
    place = tmp_path / kind
    for make in (place.mkdir, place.touch, lambda: place.symlink_to("nowhere")):
        make()
        with pytest.raises(Invalid, match=f"{kind}: already exists"):
            bundle.write(small, place)
        place.rmdir() if place.is_dir() else place.unlink()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk on which the second file has no room."""
    seen: list[int] = []

    def written(before: int) -> None:
        seen.append(before)
        if len(seen) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write, add = Path.write_bytes, tarfile.TarFile.addfile
    monkeypatch.setattr(Path, "write_bytes", lambda self, data: (written(0), write(self, data))[1])
    monkeypatch.setattr(tarfile.TarFile, "addfile", lambda self, *args: (written(1), add(self, *args))[1])
    yield
    assert len(seen) >= 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("full")
def test_a_full_disk_leaves_no_half_bundle(small: Bundle, tmp_path: Path, kind: str) -> None:
    """One line says so, and nothing is there."""
    with pytest.raises(Invalid, match=f"{kind}: cannot be written: No space left on device"):
        bundle.write(small, tmp_path / kind)
    assert [] == list(tmp_path.iterdir())


def test_no_folder_to_write_to(small: Bundle, tmp_path: Path) -> None:
    """One line says so."""
    with pytest.raises(Invalid, match=r"none/bundle: cannot be written: No such file or directory"):
        bundle.write(small, tmp_path / "none" / "bundle")


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_is_as_its_checksums_say(small: Bundle, tmp_path: Path, kind: str, sums: str) -> None:
    """As a folder and as an archive."""
    bundle.write(small, tmp_path / kind)
    assert ([], sums) == bundle.wrong(tmp_path / kind)


def test_what_is_wrong_with_a_bundle(small: Bundle, tmp_path: Path, sums: str) -> None:
    """Other bytes, a file that is gone, and one that nobody named are told, each in a line."""
    place = tmp_path / "bundle"
    bundle.write(small, place)
    (place / "a" / "b.txt").write_bytes(b"One\n")
    (place / "c.txt").rename(place / "d.txt")
    told = ["a/b.txt: does not match its checksum", "c.txt: is missing", "d.txt: is not listed in SHA256SUMS"]
    assert (told, sums) == bundle.wrong(place)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, r"place: not a bundle: it has no SHA256SUMS"),
        ("\n", r"place/SHA256SUMS: every line must have"),
        ("0" * 64 + " a\n", r"place/SHA256SUMS: every line must have"),
        ("0" * 63 + "  a\n", r"place/SHA256SUMS: every line must have"),
        (("0" * 64 + "  a\n") * 2, r"place/SHA256SUMS: every line must have"),
    ],
)
def test_what_is_no_bundle(content: str | None, told: str, tmp_path: Path) -> None:
    """A folder without checksums, and one whose checksums are none."""
    place = tmp_path / "place"
    place.mkdir()
    if content is not None:
        (place / "SHA256SUMS").write_text(content)
    with pytest.raises(Invalid, match=told):
        bundle.wrong(place)


def test_what_is_no_archive(small: Bundle, tmp_path: Path) -> None:
    """Neither a text nor an archive that was cut off is one, nor is what is not there a bundle."""
    bundle.write(small, tmp_path / "whole.tar.gz")
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes((tmp_path / "whole.tar.gz").read_bytes()[:-40])
    text = tmp_path / "text.tar"
    text.write_text("no archive")
    for place, why in ((cut, "Compressed"), (text, "it is not a tar archive"), (tmp_path / "nowhere", "it has no")):
        with pytest.raises(Invalid, match=f"{place.name}: not a bundle: {why}") as told:
            bundle.wrong(place)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["a.zip", "a.tgz", "a.json.gz"])
def test_no_folder_bears_the_name_of_an_archive(small: Bundle, tmp_path: Path, name: str) -> None:
    """Of a kind that is not written."""
    with pytest.raises(Invalid, match=f"{name}: archives of format"):
        bundle.write(small, tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_a_link_that_leads_out_is_not_followed_by_an_archive(small: Bundle, tmp_path: Path) -> None:
    """What is not a file of the archive is not read from the disk."""
    place = tmp_path / "linked.tar"
    bundle.write(small, place)
    with tarfile.open(place, "a") as archive:
        entry = tarfile.TarInfo("small-1/hosts")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/hosts"
        archive.addfile(entry)
    with pytest.raises(Invalid, match=r"linked\.tar: not a bundle: small-1/hosts is not a regular file"):
        bundle.wrong(place)


def test_the_time_is_that_of_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the one that SOURCE_DATE_EPOCH names; a draft has the same one always."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert 315532800 == bundle._time()
    monkeypatch.setattr(citation, "RELEASED", "2027-03-09")
    assert DAY == bundle._time()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert 1700000000 == bundle._time()
    for wrong in ("now", "-1", "1e9", "1" * 11, "١"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        with pytest.raises(
            Invalid, match=r"^SOURCE_DATE_EPOCH: .* is not a time \(set an integer number of seconds since 1970\)$"
        ):
            bundle._time()


def test_no_bundle_breaks_a_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A released case that is gone, a clause that is gone, and a release that is not locked are refused, at once."""
    monkeypatch.setattr(versions, "FILE", str(tmp_path / "versions.json"))
    monkeypatch.setattr(lock, "FILE", str(tmp_path / "lock.json"))
    monkeypatch.setattr(citation, "RELEASED", "2027-03-09")
    with pytest.raises(Invalid, match=r"version 0.1 is not locked \(run `conv-conformance validate --lock`\)$"):
        bundle.make_bundle(corpus.load())
    old = {"0.0": Version(date="", clauses={"SAME-99": Promise("same-99", "sha256:0")})}
    tmp_path.joinpath("versions.json").write_text(versions.encoded(old))
    tmp_path.joinpath("lock.json").write_text(lock.encoded({"mine.gone": "sha256:0"}))
    with pytest.raises(Invalid) as refused:
        bundle.make_bundle(corpus.load())
    told = [problem.message for problem in refused.value.problems]
    assert 3 == len(told)
    assert "SAME-99 is in version 0.0, but missing now" in told
    assert "mine.gone is released, but missing" in told


def test_the_command(command: Command, made: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes, tells the digest, refuses to overwrite, and checks what is there."""
    monkeypatch.setattr(
        bundle, "make_bundle", lambda corpus: replace(made, files={"a": b"1", bundle.SUMS: sums_of(b"1", "a")})
    )
    place = tmp_path / "bundle"
    done = command("release", place)
    assert (0, "") == (done.code, done.err)
    digest = hashlib.sha256(sums_of(b"1", "a")).hexdigest()
    assert f"{place}: 2 files, 0.0 MB, sha256 of SHA256SUMS: {digest}; a draft" in done.out
    done = command("release", place)
    assert (2, "", f"{place}: already exists (remove it, or choose another name)\n") == done
    done = command("release", "--check", place)
    assert (0, f"{place}: every file matches SHA256SUMS, whose sha256 is {digest}\n", "") == done
    (place / "a").write_bytes(b"2")
    assert (1, f"{place}: a: does not match its checksum\n", "") == command("release", "--check", place)
    done = command("release", "--check", tmp_path / "nowhere")
    assert (2, "", 1) == (done.code, done.out, len(done.err.splitlines()))
    assert is_clean(done)
    assert 2 == command("release").code


def sums_of(content: bytes, path: str) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}  {path}\n".encode()
