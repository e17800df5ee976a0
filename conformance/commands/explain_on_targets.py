"""The part of `explain` that uses targets: it makes calls on targets, probes the calls and shrinks failing calls."""

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
    """Make the call of each case on each target, print the basis of the verdict, and return the exit code."""
    from ..explain import TargetNotRun, judge_calls
    from ..workers import targets

    code = 0
    for adapter in targets.named_targets(backends):
        try:
            judged = judge_calls(cases, adapter)
        except TargetNotRun as error:
            click.echo(f"{adapter}: {error}", err=True)
            code = exit_codes.NOT_RUN
            continue
        for case, each in zip(cases, judged, strict=True):
            out.print(f"{case.id} on {adapter}", style="bold", highlight=False)
            lines = [*_account(case, each), *(_probed(case, adapter) if probes else ())]
            out.print(output.lines(lines))
            if each.observation.call:
                _print_pasteable(out, "call", each.observation.call)
    return code


def _print_pasteable(out: Console, name: str, text: str) -> None:
    """Print a label and a text on one line, so that the text can be pasted."""
    from rich.text import Text

    out.print(Text.assemble((f"{name:<9}", "dim"), text), soft_wrap=True)


def translate(out: Console, cases: Sequence[Case]) -> int:
    """Print each call as code of every installed framework, or why the framework cannot express it; return 0."""
    from rich.text import Text

    from ..reports import small_arrays
    from ..running import invocation
    from ..workers import targets

    adapters = targets.named_targets([])
    with ThreadPoolExecutor(invocation.core_count()) as threads:
        spellings = list(threads.map(lambda adapter: _spellings(adapter, cases), adapters))
    for number, case in enumerate(cases):
        head = f"{case.id}: {case.title}" if case.title else case.id
        out.print(head, style="bold", highlight=False, soft_wrap=True)
        texts = ((str(adapter), each[number]) for adapter, each in zip(adapters, spellings, strict=True))
        for name, text in [*small_arrays(case.call), *texts]:
            # Print the code on one line, so that it can be pasted.
            out.print(Text.assemble((f"{name:<18}", "dim"), text), soft_wrap=True)
    return 0


def _spellings(adapter: Adapter, cases: Sequence[Case]) -> list[str]:
    """Return the call of each case as code of a framework, followed by the outcome if the verdict is not `agree`."""
    from ..explain import TargetNotRun, judge_calls

    try:
        judged = judge_calls(cases, adapter)
    except TargetNotRun as error:
        return [f"could not run: {error}"] * len(cases)
    return list(map(_spelling, judged))


def _spelling(judged: JudgedCall) -> str:
    observation = judged.observation
    if observation.outcome == "unsupported":
        return f"unsupported: {observation.message}"
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
    """Yield the verdict and the alternative that the target follows; for a wrong output also the cause and numbers."""
    from ..core import Shape
    from ..reports import describe_failure

    if isinstance(case.expectation, Shape) and not case.clauses:
        return  # the call is undefined and has no expectation
    alternative = f", by the alternative {verdict.alternative}" if verdict.alternative else ""
    reason = f": {verdict.message}" if verdict.finding is not None else ""
    yield "verdict", f"{verdict.verdict}{alternative}{reason}"
    yield from (line for line in describe_failure(verdict, case).details if line[0] in ("cause", "expected", "got"))


def _outcome(observation: Observation) -> str:
    """Return the outcome of a call: the exception, the reason why it is unsupported, or the returned shape."""
    if observation.outcome != "returned":
        return f"{observation.outcome}: {observation.message}" if observation.message else observation.outcome
    shape = observation.arrays["output"].shape
    return f"returned {'x'.join(map(str, shape))}"


def _probed(case: Case, adapter: Adapter) -> Iterator[tuple[str, str]]:
    """Yield what the tap probes of a call find on a target, as labelled lines."""
    from ..analysis import probe_caller
    from ..diagnosis import audit_taps
    from ..workers import Terms

    audit = audit_taps(case.call, probe_caller(adapter, Terms()))
    lines = ["none: the products are right, or probes cannot determine them"] if audit is None else audit.lines
    yield from (("" if at else "probes", line) for at, line in enumerate(lines))


def shrink(cases: Sequence[Case], backend: str) -> int:
    """Shrink each failing call, print the smallest call as a case and as a program, and return the exit code."""
    from ..explain import TargetNotRun, failing_calls, fails_alike, smallest_call
    from ..workers import targets

    (adapter,) = targets.named_targets([backend])
    try:
        for case in cases:
            if reason := _unshrinkable(case):
                click.echo(f"{case.id}: {reason}")
                continue
            (failure,) = failing_calls([case.call], adapter)
            if failure is None:
                click.echo(f"{case.id}: {_unfailing(case, adapter)}")
            else:
                _print_smallest(case, smallest_call(case.call, fails_alike(failure, adapter)), adapter)
    except TargetNotRun as error:
        click.echo(f"{backend}: {error}", err=True)
        return exit_codes.NOT_RUN
    return 0


def _unshrinkable(case: Case) -> str:
    """Return the reason why a case cannot be shrunk; an empty string if it can be shrunk."""
    from ..core import Shape
    from ..explain import requested_call

    if case.call.training is not None:
        return "is a training run; only single calls can be shrunk"
    if case.call.second_order:
        return "asks for second-order gradients; only calls for outputs and first-order gradients can be shrunk"
    if isinstance(requested_call.case(case.call).expectation, Shape):
        return "is undefined, so a target must refuse it; a smaller call could be defined"
    return ""


def _unfailing(case: Case, adapter: Adapter) -> str:
    """Return why there is nothing to shrink: the call agrees, or violates only an extra requirement of its case."""
    from ..explain import judge_calls

    (each,) = judge_calls([case], adapter)
    if each.verdict.finding is None:
        return f"does not fail on {adapter}"
    return f"fails on {adapter} only because this case requires more than the clauses: {each.verdict.message}"


def _print_smallest(case: Case, call: Call, adapter: Adapter) -> None:
    from ..core import Verdict
    from ..corpus import writer
    from ..explain import judge_calls, requested_call
    from ..reports import script_lines

    """Print the shrunk call of a case in YAML, then as a program."""
    name = f"{case.id.partition('[')[0]}-shrunk"
    small = requested_call.case(call)
    title = f"Fails as {case.id} does"
    click.echo(writer.case(call, small.expectation, name=name, title=title, clauses=case.clauses))
    for each in judge_calls([small], adapter):
        verdict = Verdict(case=name, target=str(adapter), verdict="disagree", call=each.observation.call)
        click.echo("\n".join(script_lines(verdict, call)))
