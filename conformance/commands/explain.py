"""`explain`: explain a call, its shapes and windows, and what a verdict on its numbers rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Any

import click

from ..core import OPS, PADDING_MODES
from . import explain_on_targets, output

if TYPE_CHECKING:
    from rich.console import Console

    from ..core import Call, Case
    from ..corpus import Clause

#: The operations that options can state; a training is a case.
OPERATIONS = tuple(name for name in OPS if name != "fit")


@click.command()
@click.argument("what", nargs=-1, metavar="[CASE|PATH]...")
@click.option("-b", "--backend", "backends", multiple=True, metavar="TARGET", help="A target, name[+mode][@device].")
@click.option("--op", type=click.Choice(OPERATIONS), default="conv", show_default=True)
@click.option("--input", "input", default="", metavar="NUMBERS", help="0,3,4,5, or nested lists.")
@click.option("--kernel", default="", metavar="NUMBERS", help="1,2, or nested lists.")
@click.option("--input-shape", default="", metavar="SIZES", help="In place of numbers: 1,40,1.")
@click.option("--kernel-size", default="", metavar="SIZES")
@click.option("--filters", type=click.IntRange(0), default=1, show_default=True)
@click.option("--layout", default="", metavar="LETTERS", help="Of the input and the output: NWC, NCW, ...")
@click.option("--strides", default="1", show_default=True)
@click.option("--padding", default="valid", show_default=True, help="A word, a number, or [[low, high], ...].")
@click.option("--padding-mode", type=click.Choice(PADDING_MODES), default="zeros", show_default=True)
@click.option("--dilations", default="1", show_default=True)
@click.option("--input-dilations", default="1", show_default=True)
@click.option("--output-padding", default="0", show_default=True)
@click.option("--groups", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--weights", "is_about_weights", is_flag=True, help="How does the kernel go from one framework to another?"
)
@click.option("--output-size", type=click.IntRange(1), help="Which parameters take the input to this length?")
@click.option("--frameworks", "translates", is_flag=True, help="How do the installed frameworks say it?")
@click.option("--taps", "probes", is_flag=True, help="With -b: which products does the target make?")
@click.option("--shrink", "shrinks", is_flag=True, help="With -b: the smallest call that fails as this one does.")
def explain(
    what: Sequence[str],
    backends: Sequence[str],
    output_size: int | None,
    is_about_weights: bool,
    translates: bool,
    probes: bool,
    shrinks: bool,
    **words: Any,
) -> int:
    """
    Explain cases, or a call that is given by options.

    The shape of the output with its formula filled in, the windows as products, the clauses in play and those that
    leave a choice; of a call without a meaning or an output, why, and what is near it.

    With -b the calls are made, each in its framework's own words, ready to paste, and what the verdicts on their
    numbers rest on is shown: K, u and S, the bound and how near the worst output came to it; of numbers that were drawn
    for it, each statistic with its limit and why that is the limit.

    With --frameworks every installed framework makes the calls. Each is shown in its own words, ready to paste, or
    with what cannot be said, is refused, or comes out otherwise.

    With --taps calls of the same shapes show which products the target makes: which element of the input each element
    of the kernel is multiplied by, for which element of the output, where that is not as it should be.

    With --shrink a call that fails is made smaller as long as it fails by the same verdict and by no other cause,
    and printed as a case in YAML and as a program of the bare framework.

    Exit codes: 0; 2 no such case; 3 a target could not run.
    """
    if translates and (backends or shrinks or output_size is not None):
        raise click.UsageError("--frameworks makes the call on every installed framework, and goes with no -b")
    _check(what, backends, probes=probes, shrinks=shrinks, is_about_size=output_size is not None)
    out = output.console(stderr=False)
    if output_size is not None:
        return _ways(out, words, output_size)
    _check_arrays()
    cases = _cases(what) if what else [_asked(words)]
    if translates:
        return explain_on_targets.translate(out, cases)
    if shrinks:
        return explain_on_targets.shrink(cases, backends[0])
    if backends:
        return explain_on_targets.judge(out, cases, backends, probes=probes)
    known = output.corpus((), "none").clauses
    for case in cases:
        if what:
            out.print(f"{case.id}: {case.title}", style="bold", highlight=False, soft_wrap=True)
        _show(out, case.call, case.clauses, known)
        if is_about_weights:
            out.print(output.lines(_weights(case.call)))
    return 0


#: The options that say a call, which is then in the place of cases.
CALL = (
    *("op", "input", "kernel", "input_shape", "kernel_size", "filters", "layout", "strides", "padding"),
    *("padding_mode", "dilations", "input_dilations", "output_padding", "groups"),
)


def _check(what: Sequence[str], backends: Sequence[str], *, probes: bool, shrinks: bool, is_about_size: bool) -> None:
    """Refuse options that do not go together."""
    if shrinks and not (len(backends) == 1 and what):
        raise click.UsageError("--shrink takes a case, and one target with -b")
    if probes and not backends:
        raise click.UsageError("--taps takes a target with -b")
    if is_about_size and (what or backends):
        raise click.UsageError("a case and -b are about one call, and --output-size looks for many")
    given = _given()
    if what and given:
        raise click.UsageError(f"{what[0]} is a case, which has its call; {_named(given)} would say another")
    if is_about_size and (looked_for := [name for name in given if name not in ("input", "input_shape", "layout")]):
        message = "--output-size looks for parameters of a convolution along the first spatial axis"
        raise click.UsageError(f"{message}; {_named(looked_for)} would say them")


def _given() -> list[str]:
    """Return the options of a call that were given."""
    context = click.get_current_context()
    return [name for name in CALL if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]


def _named(options: Sequence[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in options)


def _check_arrays() -> None:
    """Refuse sizes beside numbers, which have theirs."""
    given = _given()
    for numbers, sizes in (("input", ["input_shape"]), ("kernel", ["kernel_size", "filters"])):
        if numbers in given and (others := [name for name in sizes if name in given]):
            raise click.UsageError(f"--{numbers} has its sizes; {_named(others)} would say others")


def _cases(what: Sequence[str]) -> Sequence[Case]:
    """Return the cases that are meant; the full sweeps, whose ids have brackets, take seconds to draw."""
    from ..running import invocation

    return invocation.corpus(what, "full" if any(set(each) & set("*?[") for each in what) else "none").cases


def _asked(words: dict[str, Any]) -> Case:
    from ..explain import requested_call

    return requested_call.case(requested_call.call(requested_call.Words(**words)))


def _ways(out: Console, words: dict[str, Any], output_size: int) -> int:
    """Show which parameters take an input to a length."""
    from ..explain import requested_call, worked_example

    length = requested_call.call(requested_call.Words(**{**words, "kernel_size": words["kernel_size"] or "1"})).lengths[
        0
    ]
    out.print(f"{length} to {output_size}:")
    rows = [
        (f"kernel_size: {each.kernel_size}", *_parameters(each)) for each in worked_example.ways(length, output_size)
    ]
    for row in rows[:MOST]:
        out.print("  " + ", ".join(row))
    if len(rows) > MOST:
        out.print(f"  and {len(rows) - MOST} more")
    if not rows:
        out.print("  no kernel, stride, dilation up to 3 or padding up to 5 leads there")
    return 0


def _weights(call: Call) -> Iterator[tuple[str, str]]:
    from ..calls import FRAMEWORKS, kernel_route

    stages = {"separable_conv": {"depthwise": "depthwise_conv", "pointwise": "conv"}}.get(call.op, {"": call.op})
    for name, op in stages.items():
        for source, target in permutations(FRAMEWORKS, 2):
            way = kernel_route(op, call.rank, source, target)
            yield f"{name} {source} {way.source} to {target} {way.target}".strip(), way.text


#: So many ways to a length are shown.
MOST = 20
#: Why a call has no windows.
NO_WINDOWS = "only shown of up to 16 products along one axis, without groups, padding modes or other operations"


def _parameters(way: Any) -> Iterator[str]:
    defaults = {"strides": 1, "padding": "valid", "dilations": 1}
    return (f"{name}: {getattr(way, name)}" for name, usual in defaults.items() if getattr(way, name) != usual)


def _show(out: Console, call: Call, cited: Iterable[str], known: Mapping[str, Clause]) -> None:
    from ..explain import requested_call, worked_example
    from ..reports import parameter_text

    why = requested_call.objection(call) if call.training is None else ""
    lines = [("call", parameter_text(call))]
    is_empty = why.endswith(requested_call.EMPTY)
    if not why or is_empty:
        shape = worked_example.shape(call) or ()
        lines += [("length", f"{each.axis}: {each.formula} = {each.length}") for each in worked_example.lengths(call)]
        lines += [("", note) for note in worked_example.notes(call)]
        lines.append(("output", worked_example.summary(shape, call.letters("output"))))
        windows = [*worked_example.windows(call)]
        if not windows and 0 not in shape:
            windows = [NO_WINDOWS]
        lines += [("window", text) for text in windows]
    if why:
        lines.append(("empty" if is_empty else "refused", why))
        lines += [
            ("near it", f"{words}: output {'x'.join(map(str, shape))}") for words, shape in requested_call.nearest(call)
        ]
    lines += _clauses(call, list(cited), known, has_meaning=not why)
    out.print(output.lines(lines))


def _clauses(
    call: Call, cited: Sequence[str], known: Mapping[str, Clause], *, has_meaning: bool
) -> Iterator[tuple[str, str]]:
    """Yield the clauses that a case cites, then those that leave a choice for the call."""
    from ..corpus import open_choices
    from ..explain import requested_call

    # A call by options is no case: what is in play is what cases cite that say the same parameters.
    cited = cited or requested_call.cited(call, known)
    yield from (("clause", f"{name}: {known[name].sentence}") for name in cited if name in known)
    if has_meaning and call.training is None:
        left = (clause for clause in open_choices(call, known) if clause.id not in cited)
        yield from (("choice", f"{clause.id}: {clause.sentence}") for clause in left)
