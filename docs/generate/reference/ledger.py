"""The page of the ledger, docs/reference/ledger.md, from the table of features; pages.py writes it."""

from __future__ import annotations

from conv_conformance.calls.features import FEATURES, Feature

HEAD = """\
# The ledger

The ledger lists known faults of frameworks, as entries in `cases/known/*.yaml`. A run compares its verdicts with them.
A disagreement that matches an entry is `known` and does not fail the run. An agreement that an entry contradicts is
`fixed`. An entry that no verdict of a run confirms is reported as stale. `--known FILE` adds your own ledger,
`--no-known` ignores the shipped one, `--strict-known` makes `fixed` and stale entries a failure. See also
[how to contest an entry](../disputes.md).

```yaml
about: What the framework computes wrongly.
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
      What happens, under which condition, and what the framework's documentation and its other modes say.
    link: https://example.org/documentation
    issue: https://example.org/tracker/17
    since: "2026-11-25"
    triage: |
      import framework
      ...
```

- `id`: the name of the entry in reports, unique in all ledgers.
- `cases`: patterns of case ids; only `*` and `?` are special, so that `conv.pairs[*` matches every point of that sweep.
- `calls`: conditions on the calls of these cases, by [features](#features). All of these conditions must hold.
- `targets`: patterns of target names.
- `versions`: versions of the framework, as pip writes them, or `every`.
- `when`: conditions on machine and run. `cpu` and `not_cpu` name a CPU flag, and `device` a device. `environment` and
  `not_environment` hold environment variables with their values, where an empty value means that the variable is not
  set. `settings` holds settings of the target.
- `partly`, such as `{seen: 37, of: 120}`: the fault affects some of these calls, always the same ones, and no feature
  distinguishes them. An agreement is then reported as `fixed` only if none of the calls fails.
- `intermittent`, such as `{seen: 3, of: 10}`: the fault appears in some runs only. An agreement is then never
  reported as `fixed`.
- `is`: the `verdict` (`disagree`, `crash`, `timeout`); for a disagreement also its `kind`, or a list of kinds, and
  `where` the result is wrong, if not in the output. `outputs` maps cases to the sha256 of their wrong output, so that
  another wrong value is reported.
- `contradicts`: the [clauses](../spec/index.md) that the fault breaks; optional in your own ledger.
- `reason`: why the result is wrong. `link`: the framework's documentation, source or issue. `since`: the date of the
  entry. `triage`: a script of about ten lines that shows the fault with the framework alone and follows [two
  rules](../disputes.md#what-a-script-prints).
- `issue`: the fault in a public tracker, if `link` leads elsewhere.

An entry matches a verdict only if all of these fields match. If several entries match a verdict, the first entry
applies.

If a fault affects many calls, the run itself searches for the condition: reports show [groups](record.md#group) of
failing calls with the simplest condition that distinguishes them from calls that agree.
`conv-conformance known --record RUN.jsonl --write DRAFT.yaml` drafts an entry for each group, with `calls` if the group
has more than a few calls. You add the reason, the link and the script.

## Features

Features are properties of a call. Under `calls` a feature has a value, or a list of values of which one must hold: a
word, a number or a bound (`">=17"`, `"<=2"`), `true` or `false`. A feature that is not defined for a call counts as
false. For a separable call, the features describe the axes of the first stage. For a transposed call, they describe
the padding of the forward convolution, as in the case format.

| feature | values | meaning |
|---|---|---|
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(f"| `{name}` | {_values(each)} | {each.sentence} |\n" for name, each in FEATURES.items())


def _values(feature: Feature) -> str:
    if feature.kind is bool:
        return "true, false"
    return "a number" if feature.kind is int else ", ".join(f"`{word}`" for word in feature.words) or "a word"
