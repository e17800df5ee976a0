"""
How often the rules by which results are accepted are wrong: on right results, and on wrong ones.

Right results come from the frameworks that are installed and from sums of the exact products in many orders; wrong ones
have one fault each (rounding_data.py). Every rule of tolerances.py is asked as its authors wrote it, and `ours` is the
judge: the bound that is proven for every order of summation, then the tests of `conformance/judging/precision.py`,
those of calls with few outputs over many of them together.

A wrong result that is missed is `indistinguishable` where a plain loop over the same products, in one of eight orders,
returns the same bits, or errors that are no smaller, in the mean square or at their largest.
The limits were chosen on the calls of other seeds (`--seed`), before these were looked at.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from conv_conformance import Call
from conv_conformance.calls.features import features
from conv_conformance.core.expectation import Output
from conv_conformance.core.observation import Observation
from conv_conformance.core.storage import Array
from conv_conformance.judging import precision
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.records import ledger_files
from conv_conformance.records.record import TargetInfo
from conv_conformance.reference import evaluate
from conv_conformance.workers import machine, wire
from conv_conformance.workers.limits import Terms
from conv_conformance.workers.plan import smoke_call
from conv_conformance.workers.pool import observe
from conv_conformance.workers.process import CallSeen, TargetReady
from conv_conformance.workers.targets import named_targets
from support import result
from support.rounding_data import FAULTS, Drawn, drawn, orders, stepwise_orders, wrong
from support.tolerances import RULES, Result

#: Seeds on which the limits were chosen, and those on which they are measured.
CALIBRATION, MEASURED = 1, 20261126
#: What domain A is: data of one size or sign, and not too many products, behind many outputs.
SIMPLE, MOST_PRODUCTS = ("gaussian", "positive"), 4608


@dataclass(kw_only=True)
class Count:
    """What one rule did."""

    correct: int = 0
    faulty: int = 0
    false_alarms: int = 0
    misses: int = 0
    indistinguishable: int = 0
    domain_a: Counter[str] = field(default_factory=Counter)

    def as_data(self) -> dict[str, Any]:
        """Return it as the result file has it."""
        shown = {name: value for name, value in vars(self).items() if name != "domain_a"}
        return {**shown, "domain_a": {"faulty": self.domain_a["faulty"], "misses": self.domain_a["misses"]}}


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """One result: where it is from (an order, a target or a fault), and what was found by each rule."""

    it: Drawn
    source: str
    is_wrong: bool
    rejected: Mapping[str, bool]
    errors: Array
    by: precision.ErrorScale
    twin: bool = False


def judged(it: Drawn, source: str, got: Array, *, is_wrong: bool) -> Judged:
    """Return what every rule says of a result."""
    by, exact = precision.yardstick(it.call, it.accumulator), evaluate(it.call)
    with np.errstate(all="ignore"):
        asked = Result(
            got=got,
            exact=by.exact,
            rounded=exact.astype(np.float64),
            magnitude=by.magnitude,
            products=len(it.products),
            dtype=it.dtype,
            accumulate=it.accumulator,
            op=it.call.op,
            rank=it.call.rank,
        )
        rejected = {name: bool(rule(asked)) for name, rule in RULES.items()}
        found = precision.errors(got, it.dtype, by)
    rejected["ours"] = _is_rejected(it, got, exact)
    twin = is_wrong and not rejected["ours"] and _is_indistinguishable(it, got, found, by)
    return Judged(it=it, source=source, is_wrong=is_wrong, rejected=rejected, errors=found, by=by, twin=twin)


def _is_rejected(it: Drawn, got: Array, exact: Array) -> bool:
    """Say whether the judge disagrees with a result, as it does of a case whose numbers were drawn for it."""
    seen = Observation(outcome="returned", arrays={"output": got}, dtypes={"output": it.dtype})
    return judge(Output(array=exact), seen, Context(call=it.call, is_drawn=True)).verdict != "agree"


def _is_indistinguishable(it: Drawn, got: Array, found: Array, by: precision.ErrorScale) -> bool:
    for other in stepwise_orders(it):
        if got.tobytes() == other.tobytes():
            return True
        theirs = precision.errors(other, it.dtype, by)
        if np.mean(found**2) <= np.mean(theirs**2) and np.abs(found).max() <= np.abs(theirs).max():
            return True
    return False


def results(seed: int, count: int, fewest: int, most: int, targets: Sequence[str]) -> Iterator[Judged]:
    """Yield right and wrong results of drawn calls with `fewest` to `most` outputs."""
    draw = np.random.default_rng(seed + 1)
    calls = list(islice((it for it in drawn(seed, 10**9, fewest=fewest) if it.outputs <= most), count))
    for it in calls:
        exact = evaluate(it.call)
        for name, got in orders(it, draw):
            yield judged(it, name, got, is_wrong=False)
        for name, got in wrong(it, draw):
            if got.tobytes() != exact.tobytes():
                yield judged(it, name, got, is_wrong=True)
    for target in targets:
        for it, got in _returned(target, calls):
            yield judged(it, target, got, is_wrong=False)


def _returned(target: str, calls: Sequence[Drawn]) -> Iterator[tuple[Drawn, Array]]:
    (adapter,) = named_targets([target])
    packed = [wire.pack_call(number, it.call) for number, it in enumerate(calls)]
    is_known: Callable[[Call], bool] = lambda _: False  # noqa: E731  it is known once the target has said what it is
    for event in observe(Terms(), adapter, smoke_call(), packed):
        if isinstance(event, TargetReady):
            is_known = _known(target, event)
        if isinstance(event, CallSeen) and event.observation.outcome == "returned":
            it, seen = calls[event.number], event.observation
            if not seen.composed and not is_known(it.call):
                yield it, seen.arrays["output"]


def _known(target: str, ready: TargetReady) -> Callable[[Call], bool]:
    """Return whether the ledger says of a call that what the target returns is wrong, so that it is no right result."""
    info = TargetInfo(name=target, framework=ready.about["framework"], version=ready.about["version"])
    ledger = ledger_files.load(ledger_files.shipped()).of(info, machine.describe()["flags"])
    # An entry without a condition on calls speaks of the cases that it lists.
    kinds = {"precision", "values", "nonfinite"}
    wrong = [entry.calls for entry in ledger.entries if kinds & {*entry.kinds} and entry.calls.wanted]
    return lambda call: any(condition.holds(features(call)) for condition in wrong)


def pools(found: Sequence[Judged]) -> Iterator[Sequence[Judged]]:
    """Yield small results of one target, order or fault and one dtype, pooled to at least 64 outputs."""
    waiting: dict[tuple[str, bool, str], list[Judged]] = defaultdict(list)
    for each in found:
        pool = waiting[each.source, each.is_wrong, each.it.dtype]
        pool.append(each)
        if sum(one.errors.size for one in pool) >= 4 * precision.FEWEST:
            yield list(pool)
            pool.clear()


def counted(found: Sequence[Judged]) -> dict[str, Count]:
    """Return what each rule did on results, by its name."""
    counts = {name: Count() for name in (*RULES, "ours")}
    for each in found:
        for name, count in counts.items():
            _count(count, each, is_rejected=each.rejected[name])
    return counts


def _count(count: Count, each: Judged, *, is_rejected: bool) -> None:
    if not each.is_wrong:
        count.correct += 1
        count.false_alarms += is_rejected
        return
    count.faulty += 1
    count.misses += not is_rejected
    count.indistinguishable += not is_rejected and each.twin
    if each.it.outputs >= precision.FEWEST and each.it.kind in SIMPLE and len(each.it.products) <= MOST_PRODUCTS:
        count.domain_a.update(faulty=1, misses=int(not is_rejected))


def main() -> None:
    """Judge results of all rules, print and write what was found."""
    parser = result.options(__doc__, "judgement")
    parser.add_argument("--calls", type=int, default=1850, help="calls with 64 outputs or more")
    parser.add_argument("--few", type=int, default=450, help="calls with fewer")
    parser.add_argument("--seed", type=int, default=MEASURED)
    parser.add_argument("-b", "--backend", action="append", default=[], help="targets whose results count as right")
    options = parser.parse_args()
    if options.small:
        options.calls, options.few = 3, 3
    large = list(results(options.seed, options.calls, precision.FEWEST, 10**9, options.backend))
    few = list(results(options.seed + 7, options.few, 1, precision.FEWEST - 1, options.backend))
    said = report(large, few)
    said |= {
        "kinds": list(FAULTS),
        "seeds": {"calibration": CALIBRATION, "measured": options.seed},
        "targets": options.backend,
    }
    print(json.dumps({name: each for name, each in said.items() if name != "missed"}, indent=1))
    if options.json:
        result.keep(options.json, said)


def report(large: Sequence[Judged], small: Sequence[Judged]) -> dict[str, Any]:
    """Return all counts, those of results with few outputs apart, one by one and in pools, and what `ours` missed."""
    counts = counted(large)
    pooled = [(pool, any(precision.against_all([(each.errors, each.by) for each in pool]))) for pool in pools(small)]
    alone = counted(small)["ours"]
    return {
        "models": {name: count.as_data() for name, count in counts.items()},
        "few_outputs": {
            **alone.as_data(),
            "pools_right": sum(not pool[0].is_wrong for pool, _ in pooled),
            "pools_right_flagged": sum(flagged and not pool[0].is_wrong for pool, flagged in pooled),
            "pools_wrong": sum(pool[0].is_wrong for pool, _ in pooled),
            "pools_wrong_missed": sum(not flagged and pool[0].is_wrong for pool, flagged in pooled),
            "missed_pools": Counter(pool[0].source for pool, flagged in pooled if not flagged and pool[0].is_wrong),
        },
        "highest": highest(large),
        "flagged": [_line(each) for each in large if not each.is_wrong and each.rejected["ours"]],
        "missed": [_line(each) for each in large if each.is_wrong and not each.rejected["ours"]],
    }


def highest(found: Sequence[Judged]) -> dict[str, float]:
    """Return how near each statistic of a right result came to its limit, as a share of it, at most."""
    shares: dict[str, float] = {}
    for each in found:
        for one in precision.statistics(each.errors, each.by) if not each.is_wrong else ():
            shares[one.test] = max(shares.get(one.test, 0.0), round(one.statistic / one.limit, 4))
    return shares


def _line(each: Judged) -> dict[str, Any]:
    call = each.it.call
    return {
        "source": each.source,
        "op": f"{call.op} rank {call.rank}",
        "dtype": each.it.dtype,
        "data": each.it.kind,
        "products": len(each.it.products),
        "outputs": each.it.outputs,
        "rms": round(float(np.sqrt(np.mean(each.errors**2))), 4),
        "largest": round(float(np.abs(each.errors).max()), 4),
        "witness": "indistinguishable" if each.twin else "no power",
    }


if __name__ == "__main__":
    main()
