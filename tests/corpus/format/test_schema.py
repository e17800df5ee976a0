"""The JSON schema and the loader agree on every shipped file and on documents with structural errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conv_conformance.calls.rules import RULES, SENSIBLE
from conv_conformance.core.problem import Invalid
from conv_conformance.corpus import load, shipped
from conv_conformance.corpus.format.about import ABOUT
from conv_conformance.corpus.format.calls import KEYS
from conv_conformance.corpus.format.sweeps import AXES
from conv_conformance.corpus.format.trainings import TRAINING
from conv_conformance.corpus.format.yaml_tree import Mapping, Node, Scalar, parse_yaml
from conv_conformance.corpus.glossaries import NAMES

SCHEMA = json.loads((shipped() / "case.schema.json").read_text())
VALIDATORS = (jsonschema.Draft7Validator(SCHEMA), jsonschema.Draft202012Validator(SCHEMA))

HEAD = """\
about: A file.
defaults: {op: conv, layout: {input: NWC, kernel: WIO}}
cases:
  - id: a.b
    title: A fact
"""
ARRAYS = """\
    input: [[[0], [3], [4], [5]]]
    kernel: [[[1]], [[2]]]
"""
OUTPUT = """\
    expect: {output: [[[6], [11], [14]]]}
"""
SWEEP = """\
about: A file.
sweeps:
  - id: a.sweep
    title: A fact
    base:
      op: conv
      layout: {input: NWC, kernel: WIO}
      input: {shape: [1, 4, 1], generate: {lcg: 1, low: -3, high: 3}}
      kernel: {shape: [2, 1, 1], generate: {lcg: 2, low: -3, high: 3}}
    axes: {length: [3, 4]}
"""

#: Documents that are right, so that the wrong ones are wrong for one reason.
RIGHT = {
    "a case": HEAD + ARRAYS + OUTPUT,
    "a sweep": SWEEP,
    "hex floats, words, exponents": HEAD
    + '    input: [[["0x1.8p-3"], [nan], [-inf], [1.0e-05]]]\n    kernel: [[[-0.0]]]\n    expect: {shape: [1, 4, 1]}\n',
    "complex numbers": HEAD
    + "    dtype: complex64\n    input: [[[{re: 1, im: -2.5}], [3]]]\n"
    + "    kernel: [[[1]]]\n    expect: {shape: [1, 2, 1]}\n",
    "everything that a call may say": HEAD
    + ARRAYS
    + """\
    bias: {shape: [1], values: [0]}
    dtype: {input: float32, output: float32}
    strides: [1]
    dilations: 1
    input_dilations: [1]
    groups: 1
    output_padding: 0
    padding: [[0, 0]]
    padding_mode: zeros
    accumulate: float32
    storage: {input: {broadcast: N}, kernel: offset}
    before: {pad: [[0, 0]]}
    variation: [kernel_constant, shape_inference, {threads: 2}]
    clauses: [CONV-1]
    catches: [kernel-flipped]
    why: Because.
    references: [{link: "https://example.org", says: This.}]
    since: "1.0"
    expect: {output: [[[6], [11], [14]]], compare: signed-zero, precision: exact}
""",
    "gradients": HEAD
    + ARRAYS
    + "    expect: {output: [[[6], [11], [14]]], gradients: {cotangent: [[[1], [1], [1]]], kernel: [[[7]], [[12]]]}}\n",
    "gradients of gradients": HEAD
    + ARRAYS
    + """\
    expect:
      output: [[[6], [11], [14]]]
      gradients: {cotangent: [[[1], [1], [1]]], kernel: [[[7]], [[12]]]}
      second_order:
        input: [[[1], [0], [0], [0]]]
        kernel: [[[1]], [[0]]]
        expect: {cotangent: [[[1], [3], [4]]], kernel: [[[1]], [[0]]]}
""",
    "a refusal to go back": HEAD
    + ARRAYS
    + """\
    clauses: [GRAD-11]
    expect:
      any_of:
        computes: {output: [[[6], [11], [14]]], gradients: {cotangent: [[[1], [1], [1]]], kernel: [[[7]], [[12]]]}}
        refuses: {refusal: {twin: {gradients: none}}}
""",
    "a sweep of gradients": SWEEP.replace(
        "    axes:", "      cotangent: {shape: [1, 1, 1], fill: 1}\n      gradients: all\n    axes:"
    ),
    "a refusal": HEAD + ARRAYS + "    strides: 0\n    expect: {refusal: {twin: {strides: 1}}}\n",
    "a refusal of unknown words": HEAD
    + ARRAYS
    + "    padding: SAME\n    padding_mode: mirror\n"
    + "    expect: {refusal: {twin: {padding: same, padding_mode: zeros}}}\n",
    "a refusal of lists without end": HEAD
    + ARRAYS
    + "    padding: []\n    strides: [1, 1]\n    bias: [[[1]]]\n"
    + "    expect: {refusal: {twin: {padding: same, strides: 1, bias: [1]}}}\n",
    "a training": HEAD
    + ARRAYS
    + """\
    op: fit
    target: [[[6], [11], [14]]]
    loss: mae
    optimizer: {adam: {learning_rate: 0.05}}
    schedule: {100: 0.01}
    steps: 200
    expect: {checkpoints: {20: {kernel: [[[1]], [[2]]], loss: 1.5}}, outcome: {loss_below: 0.1}}
""",
}

RIGHT["a training that decays"] = RIGHT["a training"].replace("{100: 0.01}", "cosine")

#: Documents that are wrong in their structure.
WRONG = {
    "a list at the top": "- about: A file.\n",
    "a text at the top": "about\n",
    "no about": "cases: []\n",
    "neither cases nor sweeps": "about: A file.\n",
    "an unknown key at the top": HEAD + ARRAYS + OUTPUT + "case: []\n",
    "about is a list": "about: [A file.]\ncases: []\n",
    "cases is a mapping": "about: A file.\ncases: {a: 1}\n",
    "a case is a list": "about: A file.\ncases: [[1]]\n",
    "defaults is a list": "about: A file.\ndefaults: []\ncases: []\n",
    "an unknown default": "about: A file.\ndefaults: {stride: 1}\ncases: []\n",
    "an id among the defaults": "about: A file.\ndefaults: {id: a.b}\ncases: []\n",
    "no title": (HEAD + ARRAYS + OUTPUT).replace("    title: A fact\n", ""),
    "no id": (HEAD + ARRAYS + OUTPUT).replace("id: a.b\n    ", ""),
    "no expect": HEAD + ARRAYS,
    "an id in capitals": (HEAD + ARRAYS + OUTPUT).replace("a.b", "A.B"),
    "an id without a dot": (HEAD + ARRAYS + OUTPUT).replace("a.b", "ab"),
    "an id with an underscore": (HEAD + ARRAYS + OUTPUT).replace("a.b", "a.b_c"),
    "a title that is a number": (HEAD + ARRAYS + OUTPUT).replace("A fact", "5"),
    "an unknown key of a case": HEAD + ARRAYS + OUTPUT + "    stride: 1\n",
    "four clauses": HEAD + ARRAYS + OUTPUT + "    clauses: [CONV-1, CONV-2, CONV-3, CONV-4]\n",
    "no clause in a list": HEAD + ARRAYS + OUTPUT + "    clauses: []\n",
    "clauses as a text": HEAD + ARRAYS + OUTPUT + "    clauses: CONV-1\n",
    "a fault twice": HEAD + ARRAYS + OUTPUT + "    catches: [kernel-flipped, kernel-flipped]\n",
    "a reference without link": HEAD + ARRAYS + OUTPUT + "    references: [{says: This.}]\n",
    "a reference that is no link": HEAD + ARRAYS + OUTPUT + "    references: [{link: somewhere}]\n",
    "since without quotes": HEAD + ARRAYS + OUTPUT + "    since: 1.0\n",
    "an unknown op": HEAD + ARRAYS + OUTPUT + "    op: convolution\n",
    "an unknown dtype": HEAD + ARRAYS + OUTPUT + "    dtype: float\n",
    "a dtype of bool": HEAD + ARRAYS + OUTPUT + "    dtype: bool\n",
    "a dtype of the kernel alone": HEAD + ARRAYS + OUTPUT + "    dtype: {kernel: float32}\n",
    "a layout in small letters": HEAD + ARRAYS + OUTPUT + "    layout: {input: nwc, kernel: WIO}\n",
    "a layout of something else": HEAD + ARRAYS + OUTPUT + "    layout: {input: NWC, kernel: WIO, weight: WIO}\n",
    "a layout as a text": HEAD + ARRAYS + OUTPUT + "    layout: NWC\n",
    "a stride that is a text": HEAD + ARRAYS + OUTPUT + "    strides: two\n",
    "a stride that is a decimal": HEAD + ARRAYS + OUTPUT + "    strides: 1.5\n",
    "a stride that is nan": HEAD + ARRAYS + OUTPUT + "    strides: nan\n",
    "a stride in quotes": HEAD + ARRAYS + OUTPUT + '    strides: "1"\n',
    "a padding word of another framework": HEAD + ARRAYS + OUTPUT + "    padding: SAME\n",
    "a padding of three numbers": HEAD + ARRAYS + OUTPUT + "    padding: [[1, 1, 1]]\n",
    "a padding without inner brackets": HEAD + ARRAYS + OUTPUT + "    padding: [1, 1]\n",
    "an unknown padding mode": HEAD + ARRAYS + OUTPUT + "    padding_mode: mirror\n",
    "an unknown padding of a twin": HEAD
    + ARRAYS
    + "    padding: SAME\n    expect: {refusal: {twin: {padding: Same}}}\n",
    "a padding under a refusal that is no word": HEAD
    + ARRAYS
    + "    padding: 1.5\n    expect: {refusal: {twin: {padding: same}}}\n",
    "an unknown padding of alternatives": HEAD
    + ARRAYS
    + "    padding: SAME\n"
    + "    expect: {any_of: {a: {shape: [1, 3, 1]}, b: {refusal: {twin: {padding: same}}}}}\n",
    "groups as a list": HEAD + ARRAYS + OUTPUT + "    groups: [1]\n",
    "an unknown accumulator": HEAD + ARRAYS + OUTPUT + "    accumulate: fp32\n",
    "an unknown storage": HEAD + ARRAYS + OUTPUT + "    storage: fortran\n",
    "broadcast without axis": HEAD + ARRAYS + OUTPUT + "    storage: broadcast\n",
    "broadcast along no letter": HEAD + ARRAYS + OUTPUT + "    storage: {broadcast: 0}\n",
    "before that does not pad": HEAD + ARRAYS + OUTPUT + "    before: {crop: [[1, 1]]}\n",
    "an unknown variation": HEAD + ARRAYS + OUTPUT + "    variation: jit\n",
    "no threads": HEAD + ARRAYS + OUTPUT + "    variation: {threads: 0}\n",
    "threads without number": HEAD + ARRAYS + OUTPUT + "    variation: threads\n",
    "an array that is a number": HEAD + "    input: 5\n    kernel: [[[1]]]\n" + OUTPUT,
    "an array with a text": HEAD + "    input: [[[a]]]\n    kernel: [[[1]]]\n" + OUTPUT,
    "an array with a number in quotes": HEAD + '    input: [[["1"]]]\n    kernel: [[[1]]]\n' + OUTPUT,
    "an empty list": HEAD + "    input: [[[]]]\n    kernel: [[[1]]]\n" + OUTPUT,
    "an array without shape": HEAD + "    input: {fill: 1}\n    kernel: [[[1]]]\n" + OUTPUT,
    "an array of two forms": HEAD
    + "    input: {shape: [1, 1, 1], fill: 1, values: [1]}\n    kernel: [[[1]]]\n"
    + OUTPUT,
    "a negative size": HEAD + "    input: {shape: [1, -1, 1], fill: 1}\n    kernel: [[[1]]]\n" + OUTPUT,
    "an unknown generator": HEAD
    + "    input: {shape: [1, 1, 1], generate: {mt19937: 1}}\n    kernel: [[[1]]]\n"
    + OUTPUT,
    "a generator without range": HEAD
    + "    input: {shape: [1, 1, 1], generate: {lcg: 1}}\n    kernel: [[[1]]]\n"
    + OUTPUT,
    "a seed of zero": HEAD
    + "    input: {shape: [1, 1, 1], generate: {lcg: 0, low: 0, high: 1}}\n    kernel: [[[1]]]\n"
    + OUTPUT,
    "a density above one": HEAD
    + "    input: {shape: [1, 1, 1], generate: {lcg: 1, low: 0, high: 1, density: 1.5}}\n    kernel: [[[1]]]\n"
    + OUTPUT,
    "half a complex number": HEAD + "    dtype: complex64\n    input: [[[{re: 1}]]]\n    kernel: [[[1]]]\n" + OUTPUT,
    "two expectations": HEAD + ARRAYS + "    expect: {output: [[[6], [11], [14]]], shape: [1, 3, 1]}\n",
    "no expectation": HEAD + ARRAYS + "    expect: {}\n",
    "an unknown expectation": HEAD + ARRAYS + "    expect: {outputs: [[[6], [11], [14]]]}\n",
    "an unknown comparison": HEAD + ARRAYS + "    expect: {output: [[[6], [11], [14]]], compare: bitwise}\n",
    "an unknown precision": HEAD + ARRAYS + "    expect: {output: [[[6], [11], [14]]], precision: float31}\n",
    "a comparison of shapes": HEAD + ARRAYS + "    expect: {shape: [1, 3, 1], compare: signed-zero}\n",
    "a refusal without twin": HEAD + ARRAYS + "    expect: {refusal: {}}\n",
    "a refusal with a text": HEAD + ARRAYS + "    expect: {refusal: ValueError}\n",
    "a twin that changes nothing": HEAD + ARRAYS + "    expect: {refusal: {twin: {}}}\n",
    "a twin with another title": HEAD + ARRAYS + "    expect: {refusal: {twin: {title: B}}}\n",
    "one alternative": HEAD + ARRAYS + "    expect: {any_of: {computes: {shape: [1, 3, 1]}}}\n",
    "alternatives in a list": HEAD + ARRAYS + "    expect: {any_of: [{shape: [1, 3, 1]}, {shape: [1, 4, 1]}]}\n",
    "alternatives of alternatives": HEAD
    + ARRAYS
    + "    expect: {any_of: {a: {shape: [1, 3, 1]}, b: {any_of: {c: {shape: [1, 3, 1]}, d: {shape: [1, 3, 1]}}}}}\n",
    "gradients without cotangent": HEAD
    + ARRAYS
    + "    expect: {output: [[[6], [11], [14]]], gradients: {kernel: [[[7]], [[12]]]}}\n",
    "gradients of nothing": HEAD
    + ARRAYS
    + "    expect: {output: [[[6], [11], [14]]], gradients: {cotangent: [[[1], [1], [1]]]}}\n",
    "second order without gradients": RIGHT["gradients of gradients"].replace(
        "      gradients: {cotangent: [[[1], [1], [1]]], kernel: [[[7]], [[12]]]}\n", ""
    ),
    "second order without directions": RIGHT["gradients of gradients"].replace(
        "        input: [[[1], [0], [0], [0]]]\n", ""
    ),
    "a training of an unknown loss": RIGHT["a training"].replace("mae", "huber"),
    "a training of an unknown optimizer": RIGHT["a training"].replace("adam", "rmsprop"),
    "a training of an unknown schedule": RIGHT["a training"].replace("{100: 0.01}", "linear"),
    "a training of too many steps": RIGHT["a training"].replace("steps: 200", "steps: 10001"),
    "a training without learning rate": RIGHT["a training"].replace("learning_rate", "momentum"),
    "a sweep without base": SWEEP.partition("    base:")[0] + "    axes: {length: [3]}\n",
    "a sweep without axes": SWEEP.partition("    axes:")[0],
    "a sweep with an empty axis": SWEEP.replace("[3, 4]", "[]"),
    "a sweep with a scalar axis": SWEEP.replace("[3, 4]", "3"),
    "an unknown axis": SWEEP.replace("length", "width"),
    "an axis of ops": SWEEP.replace("length: [3, 4]", "op: [conv]"),
    "an unknown rule": SWEEP + "    where: [window-fit]\n",
    "an unknown tier": SWEEP + "    tier: nightly\n",
    "a sweep with an expectation": SWEEP + "    expect: {shape: [1, 3, 1]}\n",
}


def as_json(node: Node) -> Any:
    """Return a node as a reader of YAML 1.2 gives it to a validator."""
    if isinstance(node, Mapping):
        return {key: as_json(value) for key, value in node.entries.items()}
    if not isinstance(node, Scalar):
        return [as_json(item) for item in node.items]
    try:
        return json.loads(node.text) if node.is_plain and node.text not in ("NaN", "Infinity") else node.text
    except json.JSONDecodeError:
        return node.text


def is_valid(text: str) -> list[bool]:
    """Say for each validator whether it lets a document pass."""
    root, problems = parse_yaml(text.encode(), "x.yaml")
    assert root is not None
    assert problems == []
    return [validator.is_valid(as_json(root)) for validator in VALIDATORS]


def problems_of(text: str, folder: Path) -> list[str]:
    """Return what the loader has against a document."""
    (folder / "x.yaml").write_text(text)
    try:
        load([folder / "x.yaml"])
    except Invalid as invalid:
        return [str(problem) for problem in invalid.problems]
    return []


def test_the_schema_is_one_under_both_drafts() -> None:
    """Draft-07 and 2020-12 both accept the schema itself."""
    for validator in VALIDATORS:
        validator.check_schema(SCHEMA)


OTHER = ("known", "specification")
FILES = [path for path in sorted(shipped().rglob("*.yaml")) if path.name not in NAMES and path.parent.name not in OTHER]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_file_is_valid_under_the_schema(path: Path) -> None:
    """What the loader takes from the corpus, an editor does not underline."""
    root, _ = parse_yaml(path.read_bytes(), path.name)
    assert root is not None
    assert [] == [error.message for error in VALIDATORS[0].iter_errors(as_json(root))]


def test_the_shipped_corpus_loads() -> None:
    """The loader has nothing against the corpus, the points of its sweeps included."""
    assert load(sweeps="full").cases


@pytest.mark.parametrize("name", RIGHT)
def test_right_documents_pass_both(name: str, tmp_path: Path) -> None:
    """Schema and loader accept each feature of the format."""
    assert [True, True] == is_valid(RIGHT[name])
    assert [] == problems_of(RIGHT[name], tmp_path)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_documents_pass_neither(name: str, tmp_path: Path) -> None:
    """Schema and loader refuse each document that is wrong in its structure."""
    assert [False, False] == is_valid(WRONG[name])
    assert [] != problems_of(WRONG[name], tmp_path)


def test_the_schema_knows_every_key_axis_and_rule() -> None:
    """A key, an axis or a rule that is added to the loader is added to the schema."""
    definitions = SCHEMA["definitions"]
    assert {*ABOUT, *KEYS, *TRAINING, "expect"} == set(definitions["case"]["properties"])
    assert set(AXES) == set(definitions["axes"]["properties"])
    assert sorted([*RULES, SENSIBLE]) == sorted(definitions["sweep"]["properties"]["where"]["items"]["enum"])


def test_every_key_of_a_case_has_a_description() -> None:
    """An editor shows a sentence for each key."""

    def described(value: dict[str, Any]) -> bool:
        return "description" in value or described(SCHEMA["definitions"][value["$ref"].rpartition("/")[2]])

    properties = SCHEMA["definitions"]["case"]["properties"]
    assert [] == [key for key, value in properties.items() if not described(value)]
