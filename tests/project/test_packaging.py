"""What is installed, and what is said about installing it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from conv_conformance import corpus
from conv_conformance.release import bundle
from markdown_it import MarkdownIt

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

import conv_conformance

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))

#: What a bundle has beside specification and corpus, from the root of the repository.
DOCUMENTS = (
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "docs/spec/LICENSE",
    "docs/spec/glossary.md",
    "docs/spec/versions.md",
)

IMPORT_THE_ENGINE = """
import importlib, pkgutil, conv_conformance
OTHERS = ("conv_conformance.backends", "conv_conformance.cases", "conv_conformance.__main__")

def load(package):
    # `pkgutil.walk_packages` would import every package, also those that are left out here.
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not module.name.startswith(OTHERS) and not module.name.endswith("__main__"):
            found = importlib.import_module(module.name)
            if module.ispkg:
                load(found)

load(conv_conformance)
"""


def loaded(program: str, folder: Path) -> set[str]:
    """Return the modules that a program has imported at its end."""
    program += "\nimport sys; print(*sys.modules, file=sys.stdout)"
    made = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return set(made.stdout.split())


def test_the_engine_imports_no_framework(tmp_path: Path) -> None:
    """Every module of the engine can be imported, and none brings a framework or a backend with it."""
    modules = loaded(IMPORT_THE_ENGINE, tmp_path)
    assert {"conv_conformance.workers.worker", "conv_conformance.cli", "conv_conformance.pytest_plugin"} <= modules
    assert set() == modules & {"jax", "keras", "tensorflow", "torch"}
    assert set() == {name for name in modules if name.startswith("conv_conformance.backends.")}


def test_that_would_be_noticed(tmp_path: Path) -> None:
    """A backend that is imported shows."""
    assert "conv_conformance.backends.numpy" in loaded("import conv_conformance.backends.numpy", tmp_path)


class Distributions(NamedTuple):
    """The names in the source distribution and in the wheel, and the folder into which the wheel was unpacked."""

    sdist: list[str]
    wheel: list[str]
    installed: Path


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Build the source distribution from a copy of the checkout, and the wheel from that."""
    folder = tmp_path_factory.mktemp("build")
    copy = folder / "checkout"
    foreign = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=foreign)
    for name in (".ci", ".pre-commit-config.yaml"):
        shutil.copytree(ROOT / name, copy / name) if (ROOT / name).is_dir() else shutil.copy(ROOT / name, copy / name)
    (sdist,) = _build("sdist", copy, folder)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    (wheel,) = _build("wheel", unpacked, folder)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "installed")  # noqa: S202 - our own
        names = packed.namelist()
    sources = [path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")]
    return Distributions(sdist=sources, wheel=names, installed=folder / "installed")


def _build(kind: str, source: Path, folder: Path) -> Iterator[Path]:
    program = f"from setuptools import build_meta; build_meta.build_{kind}({str(folder / kind)!r})"
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=source, capture_output=True, check=True)
    return (folder / kind).iterdir()


def _files(folder: str, *suffixes: str) -> set[str]:
    return {
        path.relative_to(ROOT / folder).as_posix() for path in (ROOT / folder).rglob("*") if path.suffix in suffixes
    }


def test_the_wheel_holds_everything(distributions: Distributions) -> None:
    """A wheel has every module, the types' marker, the pages, the corpus, schema, ledger, licences and documents."""
    wheel = distributions.wheel
    expected = {f"conv_conformance/{name}" for name in _files("conformance", ".py", ".typed", ".jinja", ".css", ".js")}
    expected |= {f"conv_conformance/backends/{name}" for name in _files("backends", ".py")}
    expected |= {f"conv_conformance/cases/{name}" for name in _files("cases", ".py", ".yaml", ".json")}
    expected |= {f"conv_conformance/{name}" for name in _files("conformance", ".json")}
    expected |= {"conv_conformance/cases/LICENSE", "conv_conformance/cases/README.md"}
    expected |= {f"conv_conformance/documents/{path}" for path in DOCUMENTS}
    inside = {name for name in wheel if name.startswith("conv_conformance/")}
    assert expected == inside
    assert {"conv_conformance/py.typed", "conv_conformance/cases/case.schema.json"} <= expected
    licences = {name.partition("licenses/")[2] for name in wheel if "licenses/" in name}
    assert {"LICENSE", "cases/LICENSE", "docs/spec/LICENSE"} == licences


def test_a_wheel_makes_the_bundle_of_its_checkout(distributions: Distributions, tmp_path: Path) -> None:
    """Whoever has installed this version makes its bundle, byte for byte."""
    environment = {**os.environ, "PYTHONPATH": str(distributions.installed)}
    program = "from conv_conformance.release import bundle; print(bundle.__file__, file=sys.stderr)"
    program += "; from conv_conformance import cli; cli.main()"
    words = [sys.executable, "-c", f"import sys; {program}", "release", str(tmp_path / "bundle")]
    made = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert made.stderr.startswith(str(distributions.installed))
    assert bundle.make_bundle(corpus.load()).digest in made.stdout


def test_the_source_distribution_holds_the_tests(distributions: Distributions) -> None:
    """Whoever packages the suite elsewhere can run its tests, build its pages and repeat its measurements."""
    expected = {"tox.ini", ".ci/run", "tests/project/test_packaging.py", "docs/spec/index.md", "benchmarks/overhead.py"}
    expected |= {"docs/templates/area.md.j2", "cases/specification/same.yaml"}
    assert expected <= set(distributions.sdist)


def _quick_start() -> list[str]:
    """Return the commands of the README's quick start."""
    tokens = MarkdownIt().parse(ROOT.joinpath("README.md").read_text(encoding="utf-8"))
    heading = next(at for at, token in enumerate(tokens) if token.content == "Quick start")
    return [token.content.strip() for token in tokens[heading:] if token.type == "fence" and token.info == "sh"][:2]


def test_ci_runs_the_command_of_the_readme() -> None:
    """`.ci/run` runs the tests by the very command that the quick start gives, and style and types after it."""
    whole_corpus, tests = _quick_start()
    lines = ROOT.joinpath(".ci", "run").read_text(encoding="utf-8").splitlines()
    assert whole_corpus.endswith(".venv/bin/conv-conformance run")
    assert tests in lines
    assert ".venv/bin/tox run -e mutants,lint,types,imports,docs" in lines[lines.index(tests) :]


def test_one_version() -> None:
    """Package, metadata, citation and changelog speak of the same version."""
    citation = yaml.safe_load(ROOT.joinpath("CITATION.cff").read_text(encoding="utf-8"))
    assert [conv_conformance.__version__] * 2 == [PROJECT["project"]["version"], citation["version"]]
    assert f"\n## {conv_conformance.__version__}" in ROOT.joinpath("CHANGELOG.md").read_text(encoding="utf-8")


def test_all_is_every_framework() -> None:
    """The extra `all` is what the extras of the single frameworks are together."""
    extras = dict(PROJECT["project"]["optional-dependencies"])
    every = extras.pop("all")
    assert sorted(every) == sorted(requirement for one in extras.values() for requirement in one)


def _check_pages(folder: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "docs.generate.check"]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)


def test_pages_agree_and_links_lead_somewhere() -> None:
    """The pages of specification and cases are what the corpus says, and no link inside the repository is dead."""
    made = _check_pages(ROOT)
    assert (0, "") == (made.returncode, made.stderr)


def test_a_dead_link_and_a_stale_page_are_noticed(tmp_path: Path) -> None:
    """A page that lacks a clause, one without cases, a link to no file or heading are told; links in code are not."""
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(docs / "results")
    (docs / "spec" / "same.md").write_text("# Same padding\n")
    (docs / "cases" / "conv" / "same.md").unlink()
    (docs / "cases" / "conv" / "orphan.md").write_text("# Nothing behind it\n")
    (tmp_path / "page.md").write_text(
        "# One heading\n[a](#one-heading) [b](#two) [c](docs/spec/index.md#same-2) [d](none.md) "
        "[e](https://example.org) `[f](code.md)` [g](docs/spec/same.md#same-2)\n"
    )
    made = _check_pages(tmp_path)
    told = made.stderr.splitlines()
    stale = "out of date (run python -m docs.generate.pages)"
    assert {
        f"docs/spec/same.md: {stale}",
        f"docs/cases/conv/same.md: {stale}",
        "docs/cases/conv/orphan.md: has no cases any more (delete it)",
    } <= set(told)
    assert [
        "page.md: #two: no such heading",
        "page.md: none.md: no such file",
        "page.md: docs/spec/same.md#same-2: no such heading",
    ] == [line for line in told if line.startswith("page.md")]
    assert "docs/spec/index.md: same.md#same-2: no such heading" in told
    assert 1 == made.returncode
