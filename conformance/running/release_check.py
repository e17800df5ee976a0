"""A release that might be installed, held against the one that is: the same targets in two environments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ..analysis import Comparison, comparison
from ..core import Case, Invalid, Problem
from ..corpus import Corpus, Selection
from ..records import Record
from ..workers import Adapter, Environment, environments, targets
from . import invocation
from .runner import Runner

Printer = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two: its targets, each in an environment, and the versions of everything there."""

    adapters: Sequence[Adapter]
    environments: Sequence[Environment]


def requirement(text: str) -> Requirement:
    """
    Return what a person asked for: a package, with or without `==VERSION`.

    Raises:
        Invalid: if it is anything else.

    """
    hint = "a release is written torch==2.13.0, the newest one torch"
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        raise Invalid(Problem(path=text, message="not a requirement", hint=hint)) from error
    specifiers = list(found.specifier)
    if found.url or found.marker or [each.operator for each in specifiers] not in ([], ["=="]):
        raise Invalid(Problem(path=text, message="not one release", hint=hint))
    found.name = canonicalize_name(found.name)
    return found


def affected_targets(package: str, names: Sequence[str]) -> list[Adapter]:
    """
    Return the targets to run for a package: those named, else the default ones of which it is the framework.

    Raises:
        Invalid: if there is none, or a named one does without the package.

    """
    if not names:
        found = [targets.resolve(name) for name in targets.DEFAULTS if _framework(name) == package]
        found = [each for each in found if not set(targets.missing(each.target.name)) - {package}]
        if not found:
            hint = f"known are {', '.join(dict.fromkeys(_framework(name) for name in targets.DEFAULTS))}; or name -b"
            raise Invalid(Problem(path=package, message="no target has this framework", hint=hint))
        return found
    found = [targets.resolve(name) for name in dict.fromkeys(names)]
    for each in found:
        if each.release or each.is_foreign or each.command or package not in targets.needed(each.target.name):
            raise Invalid(Problem(path=str(each), message=f"not a target that needs {package}"))
    return found


def _framework(name: str) -> str:
    return targets.needed(targets.resolve(name).target.name)[0]


def side(adapters: Iterable[Adapter], wanted: Requirement | None, pip: Sequence[str], tell: Printer) -> Side:
    """
    Return targets in environments that have a release, or in this one without a `wanted` one.

    Raises:
        Invalid: if an environment cannot be made.

    """
    if wanted is None:
        return Side(adapters=list(adapters), environments=[environments.installed()])
    version = next(iter(wanted.specifier)).version
    named = [replace(adapter, release=_release(adapter, wanted.name, version)) for adapter in adapters]
    return _placed(named, pip, tell)


def at(adapters: Iterable[Adapter], place: Path) -> Side:
    """
    Return targets in an environment that exists.

    Raises:
        Invalid: if there is none.

    """
    found = environments.existing(place)
    named = [replace(adapter, release=f"={place}", python=str(found.python)) for adapter in adapters]
    return Side(adapters=named, environments=[found])


def placed(adapters: Sequence[Adapter], pip: Sequence[str], tell: Printer) -> list[Adapter]:
    """
    Return targets with the interpreters of the releases or environments that they ask for.

    Raises:
        Invalid: if an environment is not there or cannot be made.

    """
    return [_placed([each], pip, tell).adapters[0] if each.release else each for each in adapters]


def _release(adapter: Adapter, package: str, version: str) -> str:
    return f"=={version}" if targets.needed(adapter.target.name)[0] == package else f"={package}=={version}"


def _placed(adapters: Sequence[Adapter], pip: Sequence[str], tell: Printer) -> Side:
    found: dict[tuple[str, ...], Environment] = {}
    ready: list[Adapter] = []
    for adapter in adapters:
        asked = _asked(adapter)
        if asked not in found:
            found[asked] = _environment(adapter, asked, pip, tell)
        ready.append(replace(adapter, python=str(found[asked].python)))
    return Side(adapters=ready, environments=list(found.values()))


def _asked(adapter: Adapter) -> tuple[str, ...]:
    """Return the requirements of a target with its release, or nothing where it names an environment."""
    needed = targets.needed(adapter.target.name)
    text = adapter.release.removeprefix("=")
    if text.startswith("="):
        return (f"{needed[0]}={text}", *needed[1:])
    package = text.partition("==")[0]
    if "==" in text and package in needed:
        return (text, *(name for name in needed if name != package))
    return ()


def _environment(adapter: Adapter, asked: Sequence[str], pip: Sequence[str], tell: Printer) -> Environment:
    if not asked:
        return environments.existing(Path(adapter.release.removeprefix("=")))
    wanted = requirement(asked[0])
    tell(f"{wanted}: an environment with it, which takes minutes the first time")
    made = environments.made([str(wanted), *asked[1:]], [*asked[1:], "numpy"], pip)
    if made.seconds:
        tell(f"{wanted}: made in {made.seconds:.0f} s, kept in {made.python.parents[1]}")
    return made


def run(
    selection: Selection,
    cases: Corpus,
    before: Side,
    after: Side,
    jobs: int | None,
    progress: invocation.Progress,
    path: Path | None,
) -> Record:
    """
    Return the record of a run of both sides, shown by `progress` and written to `path` as it goes.

    Raises:
        Invalid: if they are the same, or a target cannot run.

    """
    adapters = [*before.adapters, *after.adapters]
    if len({str(adapter) for adapter in adapters}) < len(adapters):
        raise Invalid(Problem(path=str(adapters[0]), message="both sides are the same release"))
    ledger, about = invocation.ledger((), shipped=True)
    runner = Runner(ledger=ledger, jobs=jobs or invocation.core_count())
    begun = invocation.Invocation(selection=selection, cases=cases, adapters=adapters, runner=runner, ledger=about)
    with ExitStack() as stack:
        made = begun.perform(progress, stack, path)
    for info in made.record.targets:
        if info.failed is not None:
            raise Invalid(Problem(path=info.name, message=f"could not run: {info.failed}"))
    return made.record


def compared(record: Record, before: Side, after: Side, cases: Mapping[str, Case]) -> Comparison:
    """Return what changed between the sides of a run, with the packages that are not the same."""
    found = comparison.compared(_of(record, before), _of(record, after), cases)
    return replace(found, apart={**found.apart, **different(before, after)})


def _of(record: Record, some: Side) -> Record:
    names = [str(adapter) for adapter in some.adapters]
    return replace(
        record,
        header={**record.header, "targets": names},
        targets=[info for info in record.targets if info.name in names],
        verdicts=[verdict for verdict in record.verdicts if verdict.target in names],
        groups=(),
    )


def different(before: Side, after: Side) -> Mapping[str, tuple[str, str]]:
    """Return the packages, and Python, that are there in other versions on the two sides."""
    one, other = (_versions(some) for some in (before, after))
    return {name: (one[name], other[name]) for name in sorted(one) if one[name] != other.get(name, one[name])}


def _versions(some: Side) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for each in some.environments:
        for name, version in each.versions.items():
            found.setdefault(name, []).append(version)
    return {name: " / ".join(dict.fromkeys(versions)) for name, versions in found.items()}
