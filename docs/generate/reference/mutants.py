"""The page of the mutants, docs/reference/mutants.md, from faults and conditions; pages.py writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conv_conformance.corpus import Corpus
from conv_conformance.mutants import measurement, score
from conv_conformance.mutants.named_conditions import CONDITIONS

HEAD = """\
# The mutants

A test suite is as good as the faults that it catches. `conv-conformance mutants` measures this. A mutant is an
implementation that is wrong on purpose. The command runs the literal cases on all mutants, and lists the mutants that
no case detects.

- Each mutant is [an evaluator](../../conformance/mutants/evaluator.py) with one fault in one stage: parameters, axis
  order, padding, windows, taps, channels, sums, bias, dtype, layout, memory, or state kept between calls. It shares no
  code with the reference or with the NumPy target.
- Faults of gradients are in a stage of [the gradient evaluator](../../conformance/mutants/gradient_evaluator.py): the
  cotangent, or the gradients of input, kernels and bias. Faults of gradients do not change outputs, and all other
  faults do not change gradients.
- A mutant first runs without a worker, on the case that `cases/kills.json` names for it. It then runs as a target in
  its own worker, through the same engine and judge as a framework. A mutant is *killed* by each case whose verdict is
  a disagreement. An unsupported call or a fault of the suite is not a kill.
- Real faults seldom affect all calls. A mutant `fault/condition` has its fault only where the condition holds: for
  some calls (a stride longer than the window, 17 channels, one dtype, one memory order) or in a part of the output
  (the last sample, positions from the ninth on). If the fault is one of gradients, the part is a part of the gradient
  of the input, which has the same axes. A mutant `fault/a+b` has its fault where both conditions hold. `under` in
  [faults.yaml](../../cases/faults.yaml) lists the conditions of each fault.
- Some mutants need a sweep: their fault appears only at sizes that are too large for a literal case, or for a rare
  combination of values (64 channels, a fourth sample, a sum of 500 products, a 5×5 kernel in bfloat16). They are marked
  `{condition: …, needs: sweep}` and run on the points of `--sweeps quick` or `full`; `--sweeps none` leaves them out. A
  mark is reported as wrong if a literal case kills the mutant. Literal cases alone must kill all other mutants: a sweep
  does not replace a missing literal case.
- A fault `breaks` one clause. A clause is *pinned* if each of its mutants is killed by a case that cites the clause, so
  that a failing case leads to the broken clause.
- A set of mutants that are killed by the same cases counts as one. No mutant is excluded as equivalent to the correct
  evaluator.
- `--all` runs every case on every mutant. Without `--all`, a mutant is finished once a case that cites its clause has
  killed it. `--all --write cases/kills.json` stores the whole matrix. `validate` uses it to find cases that kill
  nothing, false claims under `catches`, and, with `--redundant`, cases that kill the same mutants and cite the same
  clauses.
- A fault that ends the process (`empty-input-crashes`) is not a mutant. Tests with crashing backends show instead that
  a crash costs one verdict and never the run.

`conv-conformance mutants --with FILE.py` scores your own mutants:

```python
def no_flip_in_depth(call, honest):
    output = honest(call)
    return output[:, ::-1] if call.rank == 3 else output


mutants = {"no-flip-in-depth": no_flip_in_depth}
```

`call` is a [Call](../../conformance/core/call.py) whose arrays have the memory order that its `storage` names;
`honest(call)` returns the correct output of any call, or raises. An optional `reset()` is called before each mutant
starts. A mutant runs on the corpus in one process: literal cases in the order of the corpus, then points of sweeps.
"""


def page(corpus: Corpus) -> str:
    """Return the page."""
    return HEAD + "\n".join(_lines(corpus)) + "\n"


def _lines(corpus: Corpus) -> Iterator[str]:
    mutants = measurement.mutants_of(corpus)
    conditional = sum(1 for mutant in mutants.values() if mutant.condition)
    yield "\n## Faults\n"
    needy = len(measurement.needing_sweeps(corpus))
    yield f"{len(mutants)} mutants, {conditional} of them under a condition; {needy} more need a sweep.\n"
    yield "| clause | fault | also under the conditions | on sweeps, under the conditions |\n|---|---|---|---|"
    for clause, names in score.by_clause(corpus, mutants).items():
        for name in names:
            if not mutants[name].condition:
                yield _fault(corpus, clause, name)
    yield "\n## Conditions\n"
    yield "| condition | holds for |\n|---|---|"
    for name, condition in CONDITIONS.items():
        if name:
            yield f"| `{name}` | {condition.sentence} |"


def _fault(corpus: Corpus, clause: str, name: str) -> str:
    fault = corpus.faults[name]
    link = f"[{clause}](../spec/index.md#{clause.lower()})"
    return f"| {link} | `{name}`: {fault.sentence} | {_listed(fault.under)} | {_listed(fault.under_sweeps)} |"


def _listed(conditions: Sequence[str]) -> str:
    return ", ".join(f"`{each}`" for each in conditions)
