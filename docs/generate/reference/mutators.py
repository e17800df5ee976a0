"""The page of the mutators, docs/reference/mutators.md, from their table; pages.py writes it."""

from __future__ import annotations

from pathlib import Path

from conv_conformance.corpus.mutators import MUTATORS, Mutator

PAGE = Path(__file__).resolve().parents[2] / "reference" / "mutators.md"
HEAD = """\
# The mutators

Every accepted literal case of the corpus is changed by each mutator that can be applied to it, one change at a time.
`conv-conformance run --mutators` takes the changed calls besides the cases. They bear ids such as
`conv1d.valid.window-slides-without-flipping[mutator=stride-zero]`, so that `'*[mutator=stride-zero]'` names those of
one mutator, and the id of a case names the case with all that was made of it.

What is expected of a changed call follows from three rules; no person decides it case by case.

1. It has no meaning: it must be refused, under the clause that the table names, and the case itself is the twin that
   must be accepted. Whether a call has a meaning is what the reference says, from its parameters, shapes and dtypes
   alone. A framework that may refuse the case itself, such as one of an input of dtype int8, may refuse the changed
   call for the same reason; then the twin is that of the clause which leaves this open.
2. It has a meaning: the result is that of the reference.
3. It has a meaning, and clauses leave a choice for it: each of their alternatives will do, as for the points of sweeps.
   The clauses are those whose rules hold for the changed call, and the one that the table names.

A refusal is credited only where the twin is accepted. Where it is not, the case itself tells of it, and nothing is said
of the changed call (`not-run`).

A case is accepted if it expects an output, a shape, or alternatives of which one is computed.
An array that is changed lies contiguously in memory, whatever the case says of the old one.

Three changes are no mutators, since frameworks document what they then do: an input without the axis of the batch
(`torch.nn.functional.conv2d` takes one sample) or with several (`tf.nn.conv2d` takes them all as a batch), and a list
of one entry in several spatial axes (REFUSE-8).

| mutator | the change | refused under | has a meaning | choice left by |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(map(_row, MUTATORS.values()))


def _row(mutator: Mutator) -> str:
    cells = (f"`{mutator.name}`", mutator.does, mutator.clause, mutator.legal or "Never.", mutator.choice)
    return f"| {' | '.join(cell or '-' for cell in cells)} |\n"
