"""The page of the mutators, docs/reference/mutators.md, from their table; pages.py writes it."""

from __future__ import annotations

from pathlib import Path

from conv_conformance.corpus.mutators import MUTATORS, Mutator

PAGE = Path(__file__).resolve().parents[2] / "reference" / "mutators.md"
HEAD = """\
# The mutators

A mutator is one change of a call. Each mutator changes every accepted literal case that it applies to, one change at a
time. `conv-conformance run --mutators` also runs the changed calls. Their ids look like
`conv1d.valid.window-slides-without-flipping[mutator=stride-zero]`: `'*[mutator=stride-zero]'` selects the calls of one
mutator, and the id of a case selects the case and all calls derived from it.

Three rules determine the expectation of every changed call, so that nobody has to decide it for each call.

1. An invalid call must be refused under the clause in the table, and the unchanged case is the twin that must be
   accepted. The reference decides whether a call is valid, from its parameters, shapes and dtypes alone. A framework
   that may refuse the unchanged case, such as an input of dtype int8, may refuse the changed call for the same
   reason. The twin is then the one that belongs to the clause that allows this refusal.
2. A valid call must return the result of the reference.
3. For a valid call to which implementation-defined clauses apply, each of their alternatives is accepted, as for the
   points of sweeps. The clauses are those whose rules hold for the changed call, and the clause in the table.

A refusal counts only if the twin is accepted. If the twin is refused, the verdict on the unchanged case reports that,
and the changed call is `not-run`.

A case counts as accepted if it expects an output or a shape, or has an alternative that is computed.
A changed array is contiguous in memory, whatever memory order the case has.

Three changes are not mutators, because frameworks document what they do: an input without a batch axis
(`torch.nn.functional.conv2d` accepts one sample), an input with several batch axes (`tf.nn.conv2d` accepts them), and
a list of one entry for several spatial axes (REFUSE-8).

| mutator | change | refused under | valid if | choice left by |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(map(_row, MUTATORS.values()))


def _row(mutator: Mutator) -> str:
    cells = (f"`{mutator.name}`", mutator.does, mutator.clause, mutator.legal or "Never.", mutator.choice)
    return f"| {' | '.join(cell or '-' for cell in cells)} |\n"
