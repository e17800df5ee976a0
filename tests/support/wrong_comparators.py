"""
Wrong comparators on purpose, each an edit of one module of the engine, and the tests that must catch it.

`python tests/support/wrong_comparators.py [NAME…]` runs these tests on the engine with each edit, in a forked process
of its own, and ends with 1 where they catch nothing, or where an edit does not fit the engine any more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec, spec_from_loader
from multiprocessing import get_context
from pathlib import Path
from types import CodeType

#: Exit codes of pytest, and one where an edit does not fit the module.
CAUGHT, DOES_NOT_FIT = 1, 70
OTHERS = {0: "not caught", 2: "cannot be imported", DOES_NOT_FIT: "its edit does not fit the engine"}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """An edit: what stands in the module once, what stands there instead, and the tests, as pytest selects them."""

    module: str
    before: str
    after: str
    tests: tuple[str, ...]


def _judge(before: str, after: str, *tests: str) -> Mutant:
    return Mutant(module="judging.judgement", before=before, after=after, tests=tests or ("judging/test_judgement.py",))


def _difference(before: str, after: str) -> Mutant:
    return Mutant(module="judging.difference", before=before, after=after, tests=("judging/test_judgement.py",))


def _numerics(before: str, after: str, *tests: str) -> Mutant:
    return Mutant(
        module="judging.error_bound", before=before, after=after, tests=tests or ("judging/test_judgement.py",)
    )


def _evidence(before: str, after: str) -> Mutant:
    return Mutant(module="judging.precision", before=before, after=after, tests=("judging/test_precision.py",))


def _rounded(before: str, after: str) -> Mutant:
    return _judge(before, after, "judging/test_precision.py")


def _slices(before: str, after: str) -> Mutant:
    return Mutant(
        module="reference.exact.slices", before=before, after=after, tests=("reference/exact/test_slices.py",)
    )


def _expansion(before: str, after: str) -> Mutant:
    return Mutant(
        module="reference.exact.expansion", before=before, after=after, tests=("reference/exact/test_slices.py",)
    )


def _places(before: str, after: str) -> Mutant:
    return Mutant(
        module="reference.first.tap_positions", before=before, after=after, tests=("reference/test_forward.py",)
    )


def _run(before: str, after: str, *tests: str) -> Mutant:
    return Mutant(module="running.runner", before=before, after=after, tests=tests or ("running/test_runner.py",))


def _bench(before: str, after: str, *tests: str) -> Mutant:
    return Mutant(module="running.target_judge", before=before, after=after, tests=tests or ("running/test_runner.py",))


def _plan(before: str, after: str) -> Mutant:
    return Mutant(module="workers.plan", before=before, after=after, tests=("running/test_runner.py",))


def _course(before: str, after: str) -> Mutant:
    return Mutant(module="running.target_session", before=before, after=after, tests=("running/test_runner.py",))


def _ledger(before: str, after: str) -> Mutant:
    return Mutant(module="records.ledger", before=before, after=after, tests=("records/test_ledger.py",))


def _conjunctions(before: str, after: str) -> Mutant:
    return Mutant(
        module="analysis.condition_search", before=before, after=after, tests=("analysis/test_failure_groups.py",)
    )


def _gathering(before: str, after: str) -> Mutant:
    return Mutant(
        module="analysis.failure_groups", before=before, after=after, tests=("analysis/test_failure_groups.py",)
    )


def _sizes(before: str, after: str) -> Mutant:
    return Mutant(module="calls.case_features", before=before, after=after, tests=("analysis/test_failure_groups.py",))


GRADIENTS = "end_to_end/test_gradients.py"
SECOND_ORDER = "end_to_end/test_second_order.py"
_EXPECTED = "    expected = part.expected\n"
_CAST = "    expected = _rounded(part.expected, part.dtype)\n"
_PLAIN = "return Judgement(verdict=observation.outcome, message=observation.message)"
_ERROR = "np.abs(np.subtract(seen, y, where=finite, out=np.zeros_like(y)))"
_DIFFER = "    elsewhere = (special_kind(y) != special_kind(seen)) & ~_overflows(part, got, context)\n"
_TWIN = 'if twin is None or twin.outcome == "returned":'


def _agreeing(outcome: str) -> str:
    return f'return AGREE if observation.outcome == "{outcome}" else {_PLAIN.removeprefix("return ")}'


def _seeing(kept: str) -> Mutant:
    """Return the comparator of values that sees only a part of the result, `kept`, and takes the rest for right."""
    return _judge(_CAST, f"{_CAST}    given, got = got, expected.copy()\n    got{kept} = given{kept}\n")


def _taking(given: str) -> Mutant:
    """Return the comparator of values that compares `given`, made of expected and got, in place of what it got."""
    return _judge(_CAST, f"{_CAST}    got = {given}\n")


#: Without any fault: the tests catch nothing.
NONE = _judge("AGREE = Judgement", "AGREE = Judgement")

MUTANTS = {
    # What is compared
    "target-with-itself": _judge(_EXPECTED, "    expected = got\n"),
    "expected-and-got-swapped": _difference(
        "wanted, seen = _plain(expected[index]), _plain(got[index])",
        "seen, wanted = _plain(expected[index]), _plain(got[index])",
    ),
    "nothing-is-compared": _judge("_values(part, got, observation, context)", "None"),
    "first-sample-alone": _seeing("[:1]"),
    "last-sample-dropped": _seeing("[: max(len(got) - 1, 1)]"),
    "first-channel-alone": _seeing("[..., :1]"),
    "last-channel-dropped": _seeing("[..., : max(got.shape[-1] - 1, 1)]"),
    "first-position-alone": _seeing("[:, :1]"),
    "last-position-dropped": _seeing("[:, : max(got.shape[1] - 1, 1)]"),
    "first-element-alone": _seeing(".flat[:1]"),
    "last-element-dropped": _seeing(".flat[: max(got.size - 1, 1)]"),
    "every-second-element": _seeing(".flat[::2]"),
    "any-order": _taking("expected if (np.sort(got, None) == np.sort(expected, None)).all() else got"),
    "any-order-of-channels": _taking("expected if _equal(np.sort(got), np.sort(expected)) else got"),
    "sums-alone": _taking("expected if got.sum() == expected.sum() else got"),
    "magnitudes": _judge(_ERROR, "np.abs(np.abs(seen) - np.abs(y))"),
    "expectation-not-rounded": _judge(_CAST, _EXPECTED),
    # How near
    "tolerance-times-ten": _difference("differing(error > allowed.bound)", "differing(error > 10 * allowed.bound)"),
    "tolerance-is-absolute": _difference("differing(error > allowed.bound)", "differing(error > 1e-5)"),
    "tolerance-is-relative": _difference(
        "differing(error > allowed.bound)", "differing(error > 1e-3 * np.abs(error_bound.widened(expected)))"
    ),
    "tolerance-of-the-largest": _difference("error > allowed.bound", "error > allowed.bound.max()"),
    "mean-error": _difference("differing(error > allowed.bound)", "differing(error.mean() > allowed.bound)"),
    "whole-grid-step": _difference("error >= grid / 2", "error >= grid"),
    "half-a-step-is-near": _difference("error >= grid / 2", "error > grid / 2"),
    "off-the-grid-agrees": _difference("    found = differing(error > 0)\n", "    return None\n"),
    "grid-is-one": _numerics("        grid=_grid(call),\n", "        grid=1.0,\n"),
    "grid-without-bias": _numerics(
        "return min(grid, _quantum(call.bias)) if call.bias is not None else grid", "return grid"
    ),
    "everything-has-a-grid": _numerics("grid and largest / grid <= limit", "grid"),
    "nothing-has-a-grid": _numerics("grid and largest / grid <= limit", "False"),
    "grid-of-the-returned-dtype": _numerics(
        "min(STRUCTURE_LIMIT[real], STRUCTURE_LIMIT[sums.dtype])", "STRUCTURE_LIMIT[real]"
    ),
    "nan-loosens-its-neighbours": _numerics(", where=np.isfinite(magnitude)", ""),
    "unit-of-bfloat16": _numerics("count * accumulator.unit", 'count * dtypes.FORMATS["bfloat16"].unit'),
    "float64-as-float32": _numerics('("float64" if dtype == "float64" else "float32")', '"float32"'),
    "products-squared": _numerics(
        "products=lambda: reference.products(call)", "products=lambda: reference.products(call) ** 2"
    ),
    "one-product": _numerics("products=lambda: reference.products(call)", "products=lambda: 1"),
    "bound-of-another-alternative": _judge('"switches": part.expectation.switches', '"switches": frozenset()'),
    "output-not-rounded": _numerics("inner + outer + underflow", "inner + underflow"),
    "rounding-of-the-expectation-not-allowed": _numerics("max(out.unit, own.unit) * size", "out.unit * size"),
    "bias-not-rounded": _numerics("(size + sums.between)", "size"),
    "narrowing-not-allowed": _numerics("if bits < own.bits else 0.0", "if False else 0.0"),
    "narrowing-always-allowed": _numerics("if bits < own.bits else 0.0", ""),
    "exact-within-the-bound": _numerics('if precision == "exact"', "if False"),
    "class-not-heard": _judge('"precision": context.asked(part.expectation),', '"precision": None,'),
    "composed-not-heard": _judge('"composed": observation.composed,', '"composed": False,'),
    "everything-is-composed": _judge('"composed": observation.composed,', '"composed": True,'),
    "accumulator-not-heard": _numerics(
        "_assumed(accumulate, dtype)\n    precision", "_assumed(None, dtype)\n    precision"
    ),
    # Statistics of rounding
    "few-outputs-suffice": _evidence("FEWEST = 64", "FEWEST = 8"),
    "largest-error-not-asked": _evidence("statistic=float(np.abs(found).max())", "statistic=0.0"),
    "energy-not-asked": _evidence("statistic=_rms(found)", "statistic=0.0"),
    "match-not-asked": _evidence("score = share * size", "score = 0 * share * size"),
    "own-rounding-held-against-it": _evidence("if form.unit > by.unit:", "if False:"),
    "own-rounding-twice-as-wide": _evidence("np.ldexp(0.5, exponents", "np.ldexp(1.0, exponents"),
    "witness-of-nothing": _evidence("max(LEAST_WITNESS, *(", "min(LEAST_WITNESS, *("),
    "coarser-class-is-within": _evidence("in sort[: sort.index(asked) + 1]", "in sort"),
    "few-outputs-not-weighed": _evidence("if (rms := _rms(several)) > (limit", "if (rms := 0.0) > (limit"),
    "statistics-of-any-numbers": _rounded("is_asked = context.is_drawn and", "is_asked ="),
    "statistics-of-compositions": _rounded("not observation.composed and evidence", "evidence"),
    "documented-class-not-heard": _rounded("self.declared.get(self.call.dtype.input)", "None"),
    "strict-not-heard": _rounded('None if self.policy == "strict" else self.declared', "self.declared"),
    "a-transform-that-passes-forbids": _rounded("return declared or expectation", "return expectation"),
    "documented-before-asked": _rounded("return expectation.precision or declared", "return declared"),
    "any-not-heard": _rounded('context.policy != "any" or', "True or"),
    "any-excuses-values": _rounded(' or judgement.finding.kind != "precision"', ""),
    "class-not-told": _rounded('Judgement(verdict="agree", precision=accumulator)', "AGREE"),
    "error-not-told": _rounded("float(np.abs(errors).max(initial=0.0))", "0.0"),
    "statistics-are-never-doubted": _rounded("is_doubted=True", "is_doubted=False"),
    "doubts-are-told": _bench(
        "        verdict, is_doubted = judged\n        if is_doubted and self._may_doubt:",
        "        verdict, is_doubted = judged\n        if False:",
    ),
    "doubts-need-not-be-seen-again": _bench("verdict if is_seen else", "verdict if True else"),
    "doubts-are-chance": _bench("verdict if is_seen else", "verdict if False else"),
    "drawn-numbers-not-told": _bench("is_drawn=case.redraw is not None", "is_drawn=False"),
    "results-of-few-outputs-agree": _bench(
        "            if is_doubted and self._may_doubt:\n", "            if False:\n"
    ),
    # Gradients
    "gradients-not-compared": _judge("for array in context.call.gradients]", "for array in ()]", GRADIENTS),
    "gradient-of-the-input-alone": _judge(
        "for array in context.call.gradients]", "for array in context.call.gradients[:1]]", GRADIENTS
    ),
    "gradient-said-to-be-the-output": _judge("return wrong and _located(wrong, part.where)", "return wrong", GRADIENTS),
    "gradient-in-the-sums-of-the-output": _judge("    if part.name:\n", "    if False:\n", GRADIENTS),
    "sign-of-zero-of-a-gradient": _judge(
        'self.expectation.signed_zero and self.where == "output"', "self.expectation.signed_zero", GRADIENTS
    ),
    "narrow-mode-of-a-gradient": _judge("if returned != name else own", "if False else own", GRADIENTS),
    "grid-of-every-array": _numerics(" if other != name]", "]", GRADIENTS),
    "second-order-not-compared": _judge("for array in context.call.second_order]", "for array in ()]", SECOND_ORDER),
    "second-order-in-the-sums-of-gradients": _judge(
        "    if part.where == _second(part.name):\n", "    if False:\n", SECOND_ORDER
    ),
    "second-order-passed-over-is-a-fault": _judge("call.second_order and not answered", "False", SECOND_ORDER),
    "second-order-halves-not-rounded": _numerics("2 * magnitude if name == COTANGENT else 0.0", "0.0", SECOND_ORDER),
    "second-order-on-the-coarser-grid": _numerics(
        "    return min(*quanta, *", "    return max(*quanta, *", SECOND_ORDER
    ),
    # The exact reference
    "digits-too-wide": _slices("2 * (width - 1) + math", "2 * (width - 2) + math"),
    "products-not-counted": _slices("terms * pairs", "pairs"),
    "pairs-of-digits-not-counted": _slices("terms * pairs", "terms"),
    "no-carry-of-digits": _slices("-(-(bits + 1) // width)", "-(-bits // width)"),
    "rest-of-an-operand-forgotten": _slices("digits = sum(others, digits)", "pass"),
    "one-pass-of-sums": _expansion("        parts = added\n", "        return tuple(added)\n"),
    "rounded-twice": _expansion("(bits & 1 == 0) & (others[0] != 0)", "0"),
    "rounded-to-odd-always": _expansion("(bits & 1 == 0) & (others[0] != 0)", "others[0] != 0"),
    "rounded-to-odd-upwards": _expansion("np.where((others[0] > 0) == (first > 0), 1, -1)", "1"),
    "uneven-places-as-even": _places(" or (steps != steps[:1]).any()", ""),
    "even-places-without-their-step": _places("int(steps[0]) if len(steps) else 1", "1"),
    "ties-without-what-follows": _expansion("np.where(is_tie & is_beyond, neighbour, first)", "first"),
    "every-tie-goes-on": _expansion("is_tie & is_beyond", "is_tie"),
    # Special values
    "nan-equals-anything": _taking("np.where(np.isnan(got), expected, got)"),
    "anything-equals-nan": _taking("np.where(np.isnan(expected), expected, got)"),
    "overflow-never-counts": _judge("    if own not in FORMATS or", "    if own or"),
    "overflow-of-any-sign": _judge("np.abs(seen), seen * np.sign(y))", "np.abs(seen), np.abs(seen))"),
    "overflow-takes-any-number": _judge("(beyond > FORMATS[own].largest)", "(beyond >= 0)"),
    "overflow-of-infinite-operands": _judge(" or not all(_finite(array).all() for array in arrays):", ":"),
    "nan-equals-infinity": _judge(_DIFFER, "    elsewhere = (special_kind(y) > 0) != (special_kind(seen) > 0)\n"),
    "partial-sums-never-overflow": _judge("if elsewhere.any():", "if False:"),
    "partial-sums-always-overflow": _judge(
        "np.where(np.isnan(seen), rises & falls, np.where(seen > 0, rises, falls) & np.isinf(seen))",
        "~np.isfinite(seen)",
    ),
    "infinities-equal": _difference("3 * np.isneginf(part)", "2 * np.isneginf(part)"),
    "nan-in-the-imaginary-part": _difference("for part in _parts(values)]", "for part in _parts(values)[:1]]"),
    "special-values-have-errors": _judge("    finite = np.isfinite(y)\n", "    finite = np.ones(y.shape, bool)\n"),
    "one-nan-excuses-all": _judge(
        "    finite = np.isfinite(y)\n", "    finite = np.full(y.shape, np.isfinite(y).all())\n"
    ),
    "signed-zero-not-heard": _judge("if part.signed_zero and", "if False and"),
    "signed-zero-always": _judge("if part.signed_zero and (", "if ("),
    "sign-of-the-real-part": _difference(
        "    parts = _parts(error_bound.widened(array))\n", "    parts = _parts(error_bound.widened(array))[:1]\n"
    ),
    # Dtypes
    "dtype-forgotten": _difference("return None if name == expected else", "return None and"),
    "dtype-by-kind": _difference(
        "return None if name == expected else", "return None if name[:3] == expected[:3] else"
    ),
    "dtype-of-a-shape-forgotten": _judge(' or difference.dtype(dtype, observation.dtypes["output"])\n', "\n"),
    "integers-as-floats": _judge(
        "found = differing(expected != got)",
        "found = differing(error_bound.widened(expected) != error_bound.widened(got))",
    ),
    "integers-wrap-in-a-byte": _judge(
        "found = differing(expected != got)", "found = differing(expected.astype('i1') != got.astype('i1'))"
    ),
    "complex-by-real-part": _judge(
        "y, seen = error_bound.widened(expected), error_bound.widened(got)",
        "y, seen = error_bound.widened(expected).real, error_bound.widened(got).real",
    ),
    "complex-by-magnitude": _judge(
        "y, seen = error_bound.widened(expected), error_bound.widened(got)",
        "y, seen = abs(error_bound.widened(expected)), abs(error_bound.widened(got))",
    ),
    "mode-not-heard": _judge("returned = context.result_dtypes.get(name, name)", "returned = name"),
    "mode-of-a-shape-not-heard": _judge(
        "context.result_dtypes.get(expectation.dtype, expectation.dtype)", "expectation.dtype"
    ),
    "either-dtype-of-a-mode": _difference(
        "return None if name == expected else", 'return None if name in (expected, "float32") else'
    ),
    # Shapes and layouts
    "shape-broadcasts": _judge(
        _EXPECTED,
        f"{_EXPECTED}    if all(n in (1, m) for n, m in zip(got.shape[::-1], expected.shape[::-1])):\n"
        "        got = np.broadcast_to(got, expected.shape)\n",
    ),
    "shape-by-size": _judge(
        _EXPECTED, f"{_EXPECTED}    if got.size == expected.size:\n        got = got.reshape(expected.shape)\n"
    ),
    "shape-by-rank": _difference("    if got.shape == expected:\n", "    if got.ndim == len(expected):\n"),
    "shape-of-a-shape-forgotten": _judge("difference.shape(expectation.shape, got) or", ""),
    "layout-of-constants": _difference(" or _is_constant(expected):", ":"),
    "layout-of-nan": _difference("error_bound.widened(other), equal_nan=True)", "error_bound.widened(other))"),
    "layout-not-looked-for": _difference("    for order in permutations(range(got.ndim)):", "    for order in ():"),
    "layout-in-part": _difference("and _equal(moved, expected):", "and (moved == expected).mean() > 0.5:"),
    "layout-by-shape": _difference("and _equal(moved, expected):", "and moved is not got:"),
    "layout-agrees": _judge(
        "    wrong = (\n        difference.layout(",
        "    if difference.layout(expected, got):\n        return None\n    wrong = (\n        difference.layout(",
    ),
    # Outcomes
    "unsupported-agrees": _judge(_PLAIN, _agreeing("unsupported")),
    "not-run-agrees": _judge(_PLAIN, _agreeing("not-run")),
    "crash-agrees": _judge(_PLAIN, _agreeing("crash")),
    "timeout-agrees": _judge(_PLAIN, _agreeing("timeout")),
    "suite-error-agrees": _judge(_PLAIN, _agreeing("suite-error")),
    "refused-agrees": _judge('return _disagree("refused", observation.message)', "return AGREE"),
    "inputs-changed-ignored": _judge("if observation.inputs_changed:", "if False:"),
    "unsteady-ignored": _judge("if observation.unsteady:", "if False:"),
    "steadiness-of-results-alone": _judge(
        'if judgement is not AGREE and judgement.verdict != "agree":', "if judgement is not AGREE:"
    ),
    "two-outputs": _judge("if observation.arrays.keys() == {*requested}:", 'if "output" in observation.arrays:'),
    "no-output": _judge(
        '    if observation.outcome == "returned" and (surplus',
        '    if observation.outcome == "returned" and not observation.arrays:\n        return AGREE\n'
        '    if observation.outcome == "returned" and (surplus',
    ),
    # Refusals
    "accepted-for-refused": _judge(
        'return _disagree("not-refused", "the call was accepted, and must be refused")', "return AGREE"
    ),
    "twin-not-asked": _judge(_TWIN, "if True:\n        twin = observation\n    if True:"),
    "twin-missing": _judge("return AGREE if twin else", "return AGREE or"),
    "twin-refused-too": _judge(_TWIN, 'if twin is None or twin.outcome in ("returned", "raised"):'),
    "twin-crashed": _judge(_TWIN, 'if twin is None or twin.outcome != "raised":'),
    "twin-unsupported": _judge('return "unsupported" if outcome == "unsupported" else "not-run"', 'return "agree"'),
    "out-of-memory-refuses": _judge("if observation.environment:", "if False:"),
    # Alternatives
    "refused-is-always-an-alternative": _judge(
        '    refused = observation.outcome == "raised"\n',
        '    refused = observation.outcome == "raised"\n    if refused:\n        return AGREE\n',
    ),
    "any-result-is-an-alternative": _judge(
        '    refused = observation.outcome == "raised"\n',
        '    refused = observation.outcome == "raised"\n    if not refused:\n        return AGREE\n',
    ),
    "first-alternative-alone": _judge("in judged.items():\n", "in [*judged.items()][:1]:\n"),
    "alternative-not-named": _judge("return replace(judgement, alternative=name)", "return judgement"),
    "wrong-alternative-named": _judge(
        "return replace(judgement, alternative=name)",
        "return replace(judgement, alternative=min(judged))",
    ),
    "other-sort-of-alternative": _judge(
        "isinstance(each, Refusal) == refused\n", "isinstance(each, Refusal) != refused\n"
    ),
    "alternative-of-another-shape": _judge('each.finding.kind != "shape"]', 'each.finding.kind == "shape"]'),
    # Inference
    "inference-not-compared": _judge("context.call.variation.shape_inference and (wrong", "False and (wrong"),
    "inferred-shape-not-compared": _judge("    if stated != got:\n", "    if False:\n"),
    "inferred-rank-not-compared": _judge(
        "    if stated != got:\n", "    if stated != got and len(stated) == len(got):\n"
    ),
    "inferred-dtype-not-compared": _judge("    if inferred != returned:\n", "    if False:\n"),
    # The bench: which verdict belongs to which case
    "twins-taken-for-accepted": _bench(
        "context = Context(",
        'twins = {name: Observation(outcome="returned") for name in self._plan.twins[at]}\n        context = Context(',
        "end_to_end/test_zoo.py::test_miniature_is_judged_rightly[refuses_everything_else]",
    ),
    "twins-never-seen": _bench("if number in self._is_twin:", "if False:"),
    "verdicts-not-counted": _course(
        '        assert len(made) == len(owed), f"{len(made)} verdicts on {len(owed)} cases"\n',
        "        made = [*made, *made][: len(owed)]\n",
    ),
    "verdicts-of-a-run-not-counted": _course(
        '        assert len(given) == len(self._cases), f"{len(given)} verdicts on {len(self._cases)} cases"\n', ""
    ),
    "one-case-for-another": _bench(
        "self._judge(number, observation)\n\n",
        "self._judge(len(self._plan.cases) - 1 - number, observation)\n\n",
    ),
    "never-made-agrees": _bench(
        "self._judge(at, never)",
        'self._verdicts[at] = Verdict(case=case.id, target=self._info.name, verdict="agree")',
    ),
    "waiting-refusals-forgotten": _bench("for at, observation in self._waiting.items():", "for at, observation in ():"),
    "ledger-not-asked": _bench("self._ledger.apply(verdict, self._plan.cases[at])", "verdict"),
    "ledger-of-another-target": _course(
        'self._ledger = self._whole_ledger.of(info, machine.describe()["flags"])\n        if',
        "self._ledger = self._whole_ledger\n        if",
    ),
    "result-dtypes-not-heard": _bench("            result_dtypes=self._info.result_dtypes,\n", ""),
    "nothing-is-made-twice": _plan("repeat=_is_full_precision(case.call)", "repeat=False"),
    "fractions-of-the-input-alone": _plan('if name != "bias" and', 'if name == "input" and'),
    "suite-error-ends-with-0": _run('"suite-error" in verdicts or any(', "any("),
    "failed-target-ends-with-0": _run("target.info.failed is not None or not target.has_executed", "False"),
    "nothing-run-ends-with-0": _run(
        "target.info.failed is not None or not target.has_executed", "target.info.failed is not None"
    ),
    "crash-ends-with-0": _run("counts_as_failure(verdict, fail_on)", 'verdict.verdict == "disagree"'),
    "stale-is-not-strict": _run("(strict_known and is_stale)", "False"),
    "always-strict": _run("(strict_known and is_stale)", "is_stale"),
    "unsupported-is-executed": _run('not in ("unsupported", "not-run") for verdict', '!= "not-run" for verdict'),
    "output-not-kept": _bench("None if output is None else sys.intern(", "None if True else sys.intern("),
    # The ledger
    "ledger-hides-another-kind": _ledger("finding.kind not in self.kinds or ", ""),
    "ledger-hides-another-place": _ledger(" or finding.where != self.where", ""),
    "ledger-hides-another-value": _ledger("return digest is None or digest == verdict.output_sha256", "return True"),
    "ledger-hides-another-verdict": _ledger(
        "        if verdict.verdict != self.verdict:\n            return False\n", ""
    ),
    "ledger-hides-another-case": _ledger(
        "not any(matches_pattern(pattern, case.id) for pattern in self.cases)", "False"
    ),
    "ledger-hides-another-call": _ledger("not self.calls.wanted or self.calls.holds(features_of(case))", "True"),
    "ledger-asks-every-call": _ledger("not self.calls.wanted or ", ""),
    "ledger-hides-another-target": _ledger(
        "any(matches_pattern(pattern, target.surface) for pattern in self.targets)", "True"
    ),
    "ledger-hides-another-version": _ledger("and _is_version(self.versions, target.version)", ""),
    "ledger-hides-under-any-condition": _ledger("and _holds(self.when, target, flags)", ""),
    "ledger-hides-under-one-condition": _ledger(
        "return all(tests[name](value)", "return not when or any(tests[name](value)"
    ),
    "ledger-hides-what-is-no-finding": _ledger("entry.says(verdict) and entry.covers(case)", "entry.covers(case)"),
    "ledger-without-finding": _ledger("if finding is not None and (", "if finding is None or ("),
    "fixed-agrees": _ledger("return verdict if fixed is None else replace(", "return verdict if True else replace("),
    "intermittent-is-fixed": _ledger("(entry.intermittent or entry.partly)", "entry.partly"),
    "partly-is-fixed": _ledger("(entry.intermittent or entry.partly)", "entry.intermittent"),
    "partly-is-never-stale": _ledger(
        "not in matched and not entry.intermittent", "not in matched and not (entry.intermittent or entry.partly)"
    ),
    "first-entry-alone": _ledger(
        "(entry for entry in self.entries if entry.says(verdict) and entry.covers(case))",
        "(entry for entry in self.entries[:1] if entry.says(verdict) and entry.covers(case))",
    ),
    "never-stale": _ledger(
        "return [entry for entry in unmatched if any(", "return [] and [entry for entry in unmatched if any("
    ),
    "stale-if-not-run": _ledger(' if verdict.verdict not in ("not-run", "unsupported")]', "]"),
    "version-that-is-none": _ledger("return not versions\n", "return True\n"),
    # Groups of failing calls
    "others-do-not-count": _conjunctions(
        "INEXACT - _choices(selected + others, selected), 6) if others else saved", "0.0, 6)"
    ),
    "features-cost-nothing": _conjunctions("return selected * self._each - cost", "return selected * self._each"),
    "first-condition-alone": _conjunctions(
        "in _split(sides, everything, Measure(*calls)):", "in list(_split(sides, everything, Measure(*calls)))[:1]:"
    ),
    "never-narrowed": _conjunctions("return narrow if measure.taken(", "return [wide] if measure.taken("),
    "lists-lose-calls": _conjunctions("tuple(sorted(one.members + other.members))", "one.members"),
    "lists-lose-others": _conjunctions("one.others + other.others", "one.others"),
    "words-are-never-listed": _conjunctions("return names[0] if len(names) == 1", 'return "" if len(names) == 1'),
    "bounds-the-wrong-way": _conjunctions("column >= bound if", "column <= bound if"),
    "least-telling-first": _conjunctions("(-_separation(", "(_separation("),
    "one-feature-alone": _conjunctions("LONGEST = 4", "LONGEST = 1"),
    "three-features-at-most": _conjunctions("LONGEST = 4", "LONGEST = 3"),
    "fixed-does-not-stand-against": _gathering('AGREEING = ("agree", "fixed")', 'AGREEING = ("agree",)'),
    "known-is-in-no-group": _gathering('"suite-error", "known")', '"suite-error")'),
    "kinds-are-one": _gathering(
        "Likeness(verdict.verdict, verdict.severity, kind,", 'Likeness(verdict.verdict, "silent", "",'
    ),
    "entries-are-one": _gathering("kind, where, verdict.known)", 'kind, where, "")'),
    "frameworks-are-one": _gathering("(one.framework, one.version) != (two.framework, two.version) or ", ""),
    "any-overlap-is-one": _gathering("shared >= ALIKE", "shared >= 0"),
    "no-overlap-is-one": _gathering("shared >= ALIKE", "shared > 1"),
    "condition-of-the-first-not-asked": _gathering(" and features.all_fulfil(other.condition, group.cases)", ""),
    "counts-under-its-own-condition": _gathering("if group.condition == condition:", "if True:"),
    "second-target-brings-no-calls": _gathering("tuple(dict.fromkeys(other.cases + group.cases))", "other.cases"),
    "largest-first": _sizes("(_elements(call), ", "(-_elements(call), "),
    "parameters-do-not-count": _sizes("_non_default_parameters(call), case)", "0, case)"),
    "loud-first": _gathering("rank, -len(group.cases)", "-rank, -len(group.cases)"),
    "small-groups-first": _gathering("rank, -len(group.cases)", "rank, len(group.cases)"),
}


def main(names: Sequence[str]) -> int:
    """Print what the tests do not catch, or cannot be tried; return 1 if there is any."""
    # What every process would import; the engine is not among it, for each has its own.
    import numpy  # noqa: F401
    import pytest  # noqa: F401

    with get_context("fork").Pool(maxtasksperchild=1) as processes:
        codes = dict(zip(names, processes.imap(tried, names, chunksize=1), strict=True))
    for name, code in codes.items():
        if code != CAUGHT:
            print(f"{name}: {OTHERS.get(code, f'pytest ended with {code}')}")
    print(f"{len(codes)} wrong comparators, {sum(code == CAUGHT for code in codes.values())} caught")
    return int(set(codes.values()) != {CAUGHT})


def tried(name: str) -> int:
    """Run the tests of a mutant on the engine with its edit, of NONE for any other name; return pytest's exit code."""
    import pytest

    mutant = MUTANTS.get(name, NONE)
    if not _install(mutant):
        return DOES_NOT_FIT
    here = Path(__file__).parents[1]
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing):
        tests = [str(here / test) for test in mutant.tests]
        return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-W", "ignore", *tests]))


def _install(mutant: Mutant) -> bool:
    """See to it that the engine's module is imported with the edit; return False where it does not fit."""
    if not fits(mutant):
        return False
    name = f"conv_conformance.{mutant.module}"
    sys.meta_path.insert(0, _Edits(name, _path(mutant), mutant))
    import_module(name)
    return True


def fits(mutant: Mutant) -> bool:
    """Say whether what a mutant changes stands in its module, once."""
    return _path(mutant).read_text(encoding="utf-8").count(mutant.before) == 1


def _path(mutant: Mutant) -> Path:
    package = find_spec("conv_conformance")
    assert package is not None and package.origin is not None
    return Path(package.origin).parent.joinpath(*mutant.module.split(".")).with_suffix(".py")


class _Edits(SourceFileLoader, MetaPathFinder):
    """Finds one module, and loads it with the edit of a mutant."""

    def __init__(self, name: str, path: Path, mutant: Mutant) -> None:
        super().__init__(name, str(path))
        self._mutant = mutant

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """Return the spec of the module that is edited, None for any other."""
        return spec_from_loader(name, self, origin=self.path) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the edited source."""
        source = Path(self.path).read_text(encoding="utf-8")
        return compile(source.replace(self._mutant.before, self._mutant.after), self.path, "exec")


if __name__ == "__main__":
    # Plugins would import the engine, and take longer to load than the tests.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.exit(main(sys.argv[1:] or list(MUTANTS)))
