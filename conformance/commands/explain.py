"""`explain`: show the output shape, the windows and the clauses of a call, and the basis of a verdict."""

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

#: The operations that the options can describe. A training run (`fit`) can only be given as a case.
OPERATIONS = tuple(name for name in OPS if name != "fit")


@click.command()
@click.argument("what", nargs=-1, metavar="[CASE|PATH]...")
@click.option(
    "-b", "--backend", "backends", multiple=True, metavar="TARGET", help="A target, name[+mode][@device]; repeatable."
)
@click.option("--op", type=click.Choice(OPERATIONS), default="conv", show_default=True, help="The operation.")
@click.option("--input", "input", default="", metavar="NUMBERS", help="The input: 0,3,4,5, or nested lists.")
@click.option("--kernel", default="", metavar="NUMBERS", help="The kernel: 1,2, or nested lists.")
@click.option("--input-shape", default="", metavar="SIZES", help="The shape of the input, instead of --input: 1,40,1.")
@click.option("--kernel-size", default="", metavar="SIZES", help="The number of taps, instead of --kernel.")
@click.option(
    "--filters",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="The number of filters, instead of --kernel.",
)
@click.option("--layout", default="", metavar="LETTERS", help="The layout of input and output: NWC, NCW, ...")
@click.option("--strides", default="1", show_default=True, help="One number, or one for each axis.")
@click.option("--padding", default="valid", show_default=True, help="A name, a number, or [[low, high], ...].")
@click.option("--padding-mode", type=click.Choice(PADDING_MODES), default="zeros", show_default=True)
@click.option("--dilations", default="1", show_default=True, help="As --strides.")
@click.option("--input-dilations", default="1", show_default=True, help="As --strides.")
@click.option("--output-padding", default="0", show_default=True, help="As --strides.")
@click.option("--groups", type=click.IntRange(0), default=1, show_default=True)
@click.option("--weights", "is_about_weights", is_flag=True, help="Show how to convert the kernel between frameworks.")
@click.option("--output-size", type=click.IntRange(1), help="List parameters that give this output length.")
@click.option("--frameworks", "translates", is_flag=True, help="Show the call in every installed framework.")
@click.option("--taps", "probes", is_flag=True, help="With -b: show which products the target computes.")
@click.option("--shrink", "shrinks", is_flag=True, help="With -b: print the smallest call that fails the same way.")
def explain(
    what: Sequence[str],
    backends: Sequence[str],
    output_size: int | None,
    is_about_weights: bool,
    translates: bool,
    probes: bool,
    shrinks: bool,
    **parameters: Any,
) -> int:
    """
    Explain cases, or a call that the options describe.

    The explanation shows the formula of each output length with the numbers inserted, the windows as products, and the
    clauses that apply or leave a choice. If the call is undefined or its output is empty, the explanation shows the
    reason, and similar calls that have an output.

    With -b the target makes the call. The explanation shows the call as code to paste, and the verdict with its basis:
    the number of products K, the unit roundoff u, the sum of magnitudes S, the error bound and the error of
    the worst output. For random operands the explanation also shows each statistic with its limit.

    With --frameworks every installed framework makes the call. The explanation shows the call as code of each
    framework, and states where a framework does not support the call, refuses it or returns a wrong result.

    With --taps the target makes further calls of the same shapes. The explanation lists the products that differ from
    the definition: which input element is multiplied by which kernel element for which output element.

    With --shrink a failing call is reduced as long as it fails with the same verdict and for no additional cause. The
    smallest failing call is printed as a case in YAML, and as a program that needs only the framework.

    Exit codes: 0 success; 2 invalid usage or no such case; 3 a target could not run.
    """
    if translates and (backends or shrinks or output_size is not None):
        raise click.UsageError("--frameworks uses all installed frameworks; omit -b, --shrink and --output-size")
    _check(what, backends, probes=probes, shrinks=shrinks, is_about_size=output_size is not None)
    out = output.console(stderr=False)
    if output_size is not None:
        return _print_combinations(out, parameters, output_size)
    _check_arrays()
    cases = _cases(what) if what else [_described(parameters)]
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


#: The options that describe a call. They cannot be combined with named cases.
CALL = (
    *("op", "input", "kernel", "input_shape", "kernel_size", "filters", "layout", "strides", "padding"),
    *("padding_mode", "dilations", "input_dilations", "output_padding", "groups"),
)


def _check(what: Sequence[str], backends: Sequence[str], *, probes: bool, shrinks: bool, is_about_size: bool) -> None:
    """Raise UsageError if two options cannot be combined, or if an option needs another one that is missing."""
    if shrinks and not (len(backends) == 1 and what):
        raise click.UsageError("--shrink needs a case and exactly one target (-b)")
    if probes and not backends:
        raise click.UsageError("--taps needs a target (-b)")
    if is_about_size and (what or backends):
        raise click.UsageError("--output-size searches for parameters; omit cases and -b")
    given = _given()
    if what and given:
        raise click.UsageError(f"{what[0]} is a case with its own parameters; omit {_named(given)}")
    if is_about_size and (searched := [name for name in given if name not in ("input", "input_shape", "layout")]):
        message = "--output-size searches for parameters of a convolution along the first spatial axis"
        raise click.UsageError(f"{message}; omit {_named(searched)}")


def _given() -> list[str]:
    """Return the names of the options in `CALL` that the command line sets."""
    context = click.get_current_context()
    return [name for name in CALL if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]


def _named(options: Sequence[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in options)


def _check_arrays() -> None:
    """Raise UsageError if options give both the numbers and the sizes of an array."""
    given = _given()
    for numbers, sizes in (("input", ["input_shape"]), ("kernel", ["kernel_size", "filters"])):
        if numbers in given and (others := [name for name in sizes if name in given]):
            raise click.UsageError(f"--{numbers} determines the sizes; omit {_named(others)}")


def _cases(what: Sequence[str]) -> Sequence[Case]:
    """Return the named cases; generate the full sweeps (this takes seconds) only if a name may match a sweep point."""
    from ..running import invocation

    return invocation.corpus(what, "full" if any(set(name) & set("*?[") for name in what) else "none").cases


def _described(parameters: dict[str, Any]) -> Case:
    """Return a case of the call that the options describe."""
    from ..explain import requested_call

    return requested_call.case(requested_call.call(requested_call.Words(**parameters)))


def _print_combinations(out: Console, parameters: dict[str, Any], output_size: int) -> int:
    """Print the combinations of parameters that give an output length; return the exit code."""
    from ..explain import requested_call, worked_example

    words = requested_call.Words(**{**parameters, "kernel_size": parameters["kernel_size"] or "1"})
    length = requested_call.call(words).lengths[0]
    out.print(f"input length {length}, output length {output_size}:")
    rows = [
        (f"kernel_size: {combination.kernel_size}", *_parameters(combination))
        for combination in worked_example.ways(length, output_size)
    ]
    for row in rows[:MOST]:
        out.print("  " + ", ".join(row))
    if len(rows) > MOST:
        out.print(f"  and {len(rows) - MOST} more")
    if not rows:
        out.print("  no kernel size and stride, with a dilation up to 3 and a padding up to 5, give this length")
    return 0


def _weights(call: Call) -> Iterator[tuple[str, str]]:
    from ..calls import FRAMEWORKS, kernel_route

    stages = {"separable_conv": {"depthwise": "depthwise_conv", "pointwise": "conv"}}.get(call.op, {"": call.op})
    for name, op in stages.items():
        for source, target in permutations(FRAMEWORKS, 2):
            route = kernel_route(op, call.rank, source, target)
            yield f"{name} {source} {route.source} to {target} {route.target}".strip(), route.text


#: The largest number of combinations of parameters that --output-size prints.
MOST = 20
#: The text that is printed if the windows of a call cannot be shown.
NO_WINDOWS = "only shown for op conv along one axis, groups 1, padding mode zeros, at most 16 products per window"


def _parameters(combination: Any) -> Iterator[str]:
    """Yield the parameters of a combination that are not at their defaults."""
    defaults = {"strides": 1, "padding": "valid", "dilations": 1}
    values = {name: getattr(combination, name) for name in defaults}
    return (f"{name}: {value}" for name, value in values.items() if value != defaults[name])


def _show(out: Console, call: Call, cited: Iterable[str], known: Mapping[str, Clause]) -> None:
    """Print a call, its lengths, windows and clauses; for a call without output, the reason and similar calls."""
    from ..explain import requested_call, worked_example
    from ..reports import parameter_text

    reason = requested_call.objection(call) if call.training is None else ""
    lines = [("call", parameter_text(call))]
    is_empty = reason.endswith(requested_call.EMPTY)
    if not reason or is_empty:
        shape = worked_example.shape(call) or ()
        lines += [("length", f"{each.axis}: {each.formula} = {each.length}") for each in worked_example.lengths(call)]
        lines += [("", note) for note in worked_example.notes(call)]
        lines.append(("output", worked_example.summary(shape, call.letters("output"))))
        windows = [*worked_example.windows(call)]
        if not windows and 0 not in shape:
            windows = [NO_WINDOWS]
        lines += [("window", text) for text in windows]
    if reason:
        lines.append(("empty" if is_empty else "refused", reason))
        lines += [
            ("similar", f"{change}: output {'x'.join(map(str, shape))}")
            for change, shape in requested_call.nearest(call)
        ]
    lines += _clauses(call, list(cited), known, has_meaning=not reason)
    out.print(output.lines(lines))


def _clauses(
    call: Call, cited: Sequence[str], known: Mapping[str, Clause], *, has_meaning: bool
) -> Iterator[tuple[str, str]]:
    """Yield the clauses that a case cites, then the other clauses that leave a choice for the call."""
    from ..corpus import open_choices
    from ..explain import requested_call

    # A call described by options cites no clause, so show the clauses that cases with the same parameters cite.
    cited = cited or requested_call.cited(call, known)
    yield from (("clause", f"{name}: {known[name].sentence}") for name in cited if name in known)
    if has_meaning and call.training is None:
        left = (clause for clause in open_choices(call, known) if clause.id not in cited)
        yield from (("choice", f"{clause.id}: {clause.sentence}") for clause in left)
