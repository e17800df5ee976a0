"""The page of the ledger, docs/reference/ledger.md, from the table of features; pages.py writes it."""

from __future__ import annotations

from conv_conformance.calls.features import FEATURES, Feature

HEAD = """\
# The ledger

What is known to be wrong stands in `cases/known/*.yaml`: entries that a run holds against its verdicts. A disagreement
that an entry speaks of is `known` and fails no run; agreement where an entry says otherwise is `fixed`; an entry that
nothing run bears out is reported as stale. `--known FILE` adds a ledger of your own, `--no-known` leaves the shipped
one out, `--strict-known` makes `fixed` and stale entries a failure. [How to contest an entry](../disputes.md) is a page
of its own.

```yaml
about: What the framework computes otherwise.
entries:
  - id: framework.same-with-a-stride-past-the-window
    cases: ["conv.pairs[*", "conv1d.same.pointwise-strided"]
    calls: {rank: [1, 2], padding: same, stride-past-the-window: true, channels: ">=17"}
    targets: ["framework", "framework+*"]
    versions: ">=2.13,<2.15"
    when: {cpu: avx512f, device: cpu}
    is: {verdict: disagree, kind: values}
    contradicts: [SAME-1]
    reason: >
      What happens, and under which condition, held against the framework's documentation and its other modes.
    link: https://example.org/documentation
    issue: https://example.org/tracker/17
    since: "2026-11-25"
    triage: |
      import framework
      ...
```

- `id`: its name, once in all ledgers, which reports show.
- `cases`: patterns of case ids; only `*` and `?` are special, so that `conv.pairs[*` is every point of that sweep.
- `calls`: what the calls of these cases are like besides, by [features](#features); every one of them must hold.
- `targets`: patterns of target names.
- `versions`: those of the framework, as pip writes them, or `every`.
- `when`: conditions on machine and run: `cpu`, `not_cpu` (a flag), `device`, `environment`, `not_environment`
  (variables with their values; empty: not set), `settings` (of the target).
- `partly`, such as `{seen: 37, of: 120}`: the fault acts on some of these calls, always the same, and no feature tells
  which. Agreement is then no news; that none of them fails still is.
- `intermittent`, such as `{seen: 3, of: 10}`: the fault shows in some runs. Neither is news then.
- `is`: the `verdict` (`disagree`, `crash`, `timeout`); of a disagreement its `kind`, or a list of kinds, and `where`,
  if that is not the output. `outputs` maps cases to the sha256 of their wrong output: another wrong value is not
  hidden.
- `contradicts`: the [clauses](../spec/index.md) that it breaks; of an entry of your own it may be left out.
- `reason`, `link`, `since`, `triage`: why it is wrong; the framework's own documentation, source or issue; the day; a
  script of about ten lines that shows it with the framework alone, and keeps
  [two rules](../disputes.md#what-a-script-prints).
- `issue`: where it stands in a public tracker, if `link` leads elsewhere.

An entry speaks of a verdict only where all of this holds. Of several, the first that does decides.

Of a fault that acts on many calls, a run says itself when it acts: reports show [groups](record.md#group) of failing
calls under the simplest condition that tells them from those that agree.
`conv-conformance known --record RUN.jsonl --write DRAFT.yaml` drafts an entry for each group, with `calls` where there
are more than a few, and leaves reason, link and script to a person.

## Features

What can be said of a call. Under `calls` a feature has a value, or a list of values of which one must hold: a word, a
number or a bound (`">=17"`, `"<=2"`), `true` or `false`. What cannot be told of a call is false. Of a separable call
the axes are those of its first stage; the padding of a transposed call is that of the forward convolution, as in the
case format.

| feature | values | what it says |
|---|---|---|
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(f"| `{name}` | {_values(each)} | {each.sentence} |\n" for name, each in FEATURES.items())


def _values(feature: Feature) -> str:
    if feature.kind is bool:
        return "true, false"
    return "a number" if feature.kind is int else ", ".join(f"`{word}`" for word in feature.words) or "a word"
