"""The page of the mutants, docs/reference/mutants.md, from faults and conditions; pages.py writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conv_conformance.corpus import Corpus
from conv_conformance.mutants import measurement, score
from conv_conformance.mutants.named_conditions import CONDITIONS

HEAD = """\
# The mutants

A suite is worth what it would catch. `conv-conformance mutants` measures that: it runs the literal cases on
implementations that are wrong on purpose, and says which of them no case notices.

- Each mutant is [an evaluator](../../conformance/mutants/evaluator.py) with one fault in one stage: how parameters are
  understood, how axes are arranged, padding, windows, taps, channels, sums, bias, dtype, layout, memory, what is
  remembered from call to call. It shares no code with the reference, nor with the NumPy target.
- Faults of gradients are in a stage of [the gradient evaluator](../../conformance/mutants/gradient_evaluator.py): the
  cotangent, and the gradients of input, kernels and bias. They leave outputs right; all others leave gradients right.
- A mutant runs as a target, in a worker of its own, through the same engine and judge as a framework; what noticed it
  before, by `cases/kills.json`, it meets first, without a worker. It is *killed* by each case whose verdict is a
  disagreement. A call that it cannot say, or a fault of the suite, is no kill.
- Real faults are seldom everywhere. A mutant `fault/condition` has its fault only where the condition holds: for a call
  (a stride longer than the window, 17 channels, one dtype, one memory form) or in a part of the output (the last
  sample, the places from the ninth on; of gradients in that of the input, which has the same axes), a mutant
  `fault/a+b` where both hold. The conditions of each fault stand under `under` in
  [faults.yaml](../../cases/faults.yaml).
- Some mutants need a sweep: they have their fault only at sizes that no case has which a person can check, or where
  rare values meet (64 channels, a fourth sample, a sum of 500 products, a kernel of 5×5 in bfloat16). They are marked
  `{condition: …, needs: sweep}`, and meet the points of `--sweeps quick`, or `full`; `--sweeps none` leaves them out. A
  mark is wrong, and told, where a literal case notices the mutant. All others have to be killed by literal cases alone:
  no sweep makes up for a literal case that is missing.
- A fault `breaks` one clause. A clause is *pinned* if each of its mutants is killed by a case that cites the clause, so
  that a red result leads to the sentence that was broken.
- Mutants that the same cases kill count once. None is claimed to be equivalent to the evaluator without a fault.
- `--all` runs every case on every mutant; without it a mutant is left alone once a case that cites its clause has
  noticed it. `--all --write cases/kills.json` keeps the whole matrix. By it `validate` knows cases that kill nothing,
  claims under `catches` that are not true, and, under `--redundant`, cases that kill and cite the same.
- A fault that ends the process is not among them (`empty-input-crashes`): that one costs a verdict and never the run is
  tested with backends that crash.

The mutants of another person are scored by `conv-conformance mutants --with FILE.py`:

```python
def no_flip_in_depth(call, honest):
    output = honest(call)
    return output[:, ::-1] if call.rank == 3 else output


mutants = {"no-flip-in-depth": no_flip_in_depth}
```

`call` is a [Call](../../conformance/core/call.py) whose arrays lie in memory as its storage says; `honest(call)`
returns the right output of any call, or raises. An optional `reset()` is called before each mutant meets the corpus,
case after case in the order of the corpus, literal cases before points of sweeps, in one process.
"""


def page(corpus: Corpus) -> str:
    """Return the page."""
    return HEAD + "\n".join(_lines(corpus)) + "\n"


def _lines(corpus: Corpus) -> Iterator[str]:
    mutants = measurement.of(corpus)
    conditional = sum(1 for mutant in mutants.values() if mutant.condition)
    yield "\n## Faults\n"
    needy = len(measurement.needing_sweeps(corpus))
    yield f"{len(mutants)} mutants, {conditional} of them under a condition; {needy} more need a sweep.\n"
    yield "| clause | fault | also tried | and on sweeps |\n|---|---|---|---|"
    for clause, names in score.by_clause(corpus, mutants).items():
        for name in names:
            if not mutants[name].condition:
                yield _fault(corpus, clause, name)
    yield "\n## Conditions\n"
    yield "| condition | holds |\n|---|---|"
    for name, condition in CONDITIONS.items():
        if name:
            yield f"| `{name}` | {condition.sentence} |"


def _fault(corpus: Corpus, clause: str, name: str) -> str:
    fault = corpus.faults[name]
    link = f"[{clause}](../spec/index.md#{clause.lower()})"
    return f"| {link} | `{name}`: {fault.sentence} | {_listed(fault.under)} | {_listed(fault.under_sweeps)} |"


def _listed(conditions: Sequence[str]) -> str:
    return ", ".join(f"`{each}`" for each in conditions)
