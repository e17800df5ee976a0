"""What `explain` does with targets: calls are made on them, probed, and made small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import click

from . import exit_codes, output

if TYPE_CHECKING:
    from rich.console import Console

    from ..core import Call, Case, Observation, Verdict
    from ..explain import JudgedCall
    from ..workers import Adapter


def judge(out: Console, cases: Sequence[Case], backends: Sequence[str], *, probes: bool) -> int:
    """Make the calls on each target, and show what their verdicts rest on; return the exit code."""
    from ..explain import TargetNotRun, judge_calls
    from ..workers import targets

    code = 0
    for adapter in targets.named_targets(backends):
        try:
            seen = judge_calls(cases, adapter)
        except TargetNotRun as error:
            click.echo(f"{adapter}: {error}", err=True)
            code = exit_codes.NOT_RUN
            continue
        for case, each in zip(cases, seen, strict=True):
            out.print(f"{case.id} on {adapter}", style="bold", highlight=False)
            lines = [*_account(case, each), *(_probed(case, adapter) if probes else ())]
            out.print(output.lines(lines))
            if each.observation.call:
                _print_pasteable(out, "call", each.observation.call)
    return code


def _print_pasteable(out: Console, name: str, text: str) -> None:
    """Print a labelled text that is not broken into lines, so that it can be pasted."""
    from rich.text import Text

    out.print(Text.assemble((f"{name:<9}", "dim"), text), soft_wrap=True)


def translate(out: Console, cases: Sequence[Case]) -> int:
    """Show each call in the words of every installed framework, or what it cannot say; return the exit code."""
    from rich.text import Text

    from ..reports import small_arrays
    from ..running import invocation
    from ..workers import targets

    adapters = targets.named_targets([])
    with ThreadPoolExecutor(invocation.core_count()) as threads:
        said = list(threads.map(lambda adapter: _said(adapter, cases), adapters))
    for number, case in enumerate(cases):
        head = f"{case.id}: {case.title}" if case.title else case.id
        out.print(head, style="bold", highlight=False, soft_wrap=True)
        texts = ((str(adapter), each[number]) for adapter, each in zip(adapters, said, strict=True))
        for name, text in [*small_arrays(case.call), *texts]:
            # Not broken into lines, so that it can be pasted.
            out.print(Text.assemble((f"{name:<18}", "dim"), text), soft_wrap=True)
    return 0


def _said(adapter: Adapter, cases: Sequence[Case]) -> list[str]:
    """Return how a framework says each case, and what becomes of it where that is not what is right."""
    from ..explain import TargetNotRun, judge_calls

    try:
        seen = judge_calls(cases, adapter)
    except TargetNotRun as error:
        return [f"could not run: {error}"] * len(cases)
    return list(map(_words, seen))


def _words(judged: JudgedCall) -> str:
    observation = judged.observation
    if observation.outcome == "unsupported":
        return f"cannot be said: {observation.message}"
    if observation.outcome != "returned":
        first, *_ = observation.message.splitlines() or [""]
        other = f"{observation.outcome}: {first}"
    else:
        other = "" if judged.verdict.verdict == "agree" else f"but: {judged.verdict.message}"
    return f"\n{'':<18}".join(each for each in (observation.call, other) if each)


def _account(case: Case, judged: JudgedCall) -> Iterator[tuple[str, str]]:
    from ..explain import AccountLine, account_lines

    yield from _judged(case, judged.verdict)
    yield from [*account_lines(case, judged.observation)] or [AccountLine("outcome", _outcome(judged.observation))]


def _judged(case: Case, verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yield the verdict, with the alternative that was followed, and of a wrong output its cause and the numbers."""
    from ..core import Shape
    from ..reports import describe_failure

    if isinstance(case.expectation, Shape) and not case.clauses:
        return  # the call has no meaning, and nothing is expected of it
    way = f", by the alternative {verdict.alternative}" if verdict.alternative else ""
    why = f": {verdict.message}" if verdict.finding is not None else ""
    yield "verdict", f"{verdict.verdict}{way}{why}"
    yield from (line for line in describe_failure(verdict, case).details if line[0] in ("cause", "expected", "got"))


def _outcome(observation: Observation) -> str:
    """Return what became of a call: what it raised, why it cannot be said, or the shape that it returned."""
    if observation.outcome != "returned":
        return f"{observation.outcome}: {observation.message}" if observation.message else observation.outcome
    shape = observation.arrays["output"].shape
    return f"returned {'x'.join(map(str, shape))}"


def _probed(case: Case, adapter: Adapter) -> Iterator[tuple[str, str]]:
    """Yield what probes show of a case on a target."""
    from ..analysis import probe_caller
    from ..diagnosis import audit_taps
    from ..workers import Terms

    found = audit_taps(case.call, probe_caller(adapter, Terms()))
    lines = ["nothing: it is right, or probes cannot tell"] if found is None else found.lines
    yield from (("" if at else "probes", line) for at, line in enumerate(lines))


def shrink(cases: Sequence[Case], backend: str) -> int:
    """Print the smallest calls that fail on a target as these do, as cases and as programs; return the exit code."""
    from ..explain import TargetNotRun, failing_calls, fails_alike, smallest_call
    from ..workers import targets

    (adapter,) = targets.named_targets([backend])
    try:
        for case in cases:
            if why := _unshrinkable(case):
                click.echo(f"{case.id}: {why}")
                continue
            (found,) = failing_calls([case.call], adapter)
            if found is None:
                click.echo(f"{case.id}: {_unfailing(case, adapter)}")
            else:
                _print_smallest(case, smallest_call(case.call, fails_alike(found, adapter)), adapter)
    except TargetNotRun as error:
        click.echo(f"{backend}: {error}", err=True)
        return exit_codes.NOT_RUN
    return 0


def _unshrinkable(case: Case) -> str:
    """Return why a call is not made small; nothing where it may be."""
    from ..core import Shape
    from ..explain import requested_call

    if case.call.training is not None:
        return "is a training, and single calls are made small"
    if case.call.second_order:
        return "asks for gradients of gradients, and outputs and gradients are made small"
    if isinstance(requested_call.case(case.call).expectation, Shape):
        return "has no meaning and must be refused; a smaller call may have one"
    return ""


def _unfailing(case: Case, adapter: Adapter) -> str:
    """Return that a call does not fail, or only by what its case asks beside the clauses, such as signs of zeros."""
    from ..explain import judge_calls

    (each,) = judge_calls([case], adapter)
    if each.verdict.finding is None:
        return f"does not fail on {adapter}"
    return f"fails on {adapter} only by what this case asks beside the clauses: {each.verdict.message}"


def _print_smallest(case: Case, call: Call, adapter: Adapter) -> None:
    from ..core import Verdict
    from ..corpus import writer
    from ..explain import judge_calls, requested_call
    from ..reports import script_lines

    name = f"{case.id.partition('[')[0]}-shrunk"
    small = requested_call.case(call)
    title = f"Fails as {case.id} does"
    click.echo(writer.case(call, small.expectation, name=name, title=title, clauses=case.clauses))
    for each in judge_calls([small], adapter):
        said = Verdict(case=name, target=str(adapter), verdict="disagree", call=each.observation.call)
        click.echo("\n".join(script_lines(said, call)))
