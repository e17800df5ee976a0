"""The corpus as one JSON document: it fits its own schema, loses nothing, and another language reads it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from conv_conformance import corpus
from conv_conformance.core.dtypes import DTYPES, is_complex, numpy_type
from conv_conformance.specification import export

from ..support.command_line import Command
from ..workers.test_protocol import NODE

SCRIPT = Path(__file__).parents[1] / "support" / "corpus.js"
#: Characters of a case as JSON.
SMALL = 3000


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    written: dict[str, Any] = json.loads(
        json.dumps(export.corpus_document(corpus.load(sweeps="none")), allow_nan=False)
    )
    return written


def test_the_document_fits_the_schema_that_it_carries(document: dict[str, Any]) -> None:
    """And the schema is one. To hold millions of numbers against it takes minutes, so large cases are left out."""
    jsonschema.Draft202012Validator.check_schema(document["schema"])
    small = [case for case in document["cases"] if len(json.dumps(case)) < SMALL]
    assert len(small) > 800
    jsonschema.Draft202012Validator(document["schema"]).validate({**document, "cases": small})


@pytest.mark.parametrize(
    "change",
    [
        lambda case: case.pop("title"),
        lambda case: case["call"].pop("strides"),
        lambda case: case["call"]["arrays"]["input"].update(values=[None]),
        lambda case: case["expect"].update(output=3),
    ],
)
def test_the_schema_refuses_what_is_none(document: dict[str, Any], change: Any) -> None:
    """A case without what every case has, or with something else in its place."""
    case = json.loads(json.dumps(next(case for case in document["cases"] if "output" in case["expect"])))
    change(case)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(document["schema"]).validate({**document, "cases": [case]})


def test_every_case_is_there(document: dict[str, Any]) -> None:
    """In the order of the corpus, with its clauses, all of which are explained."""
    loaded = corpus.load(sweeps="none")
    assert [case["id"] for case in document["cases"]] == [case.id for case in loaded.cases]
    assert {clause for case in document["cases"] for clause in case["clauses"]} <= document["clauses"].keys()
    assert {kind for case in document["cases"] for kind in case["expect"]} >= {
        "output",
        "refusal",
        "any_of",
        "checkpoints",
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_read_back_exactly(dtype: str) -> None:
    """The largest, the smallest, both zeros, NaN and infinities of every dtype."""
    kind = numpy_type(dtype)
    values = _numbers(dtype, kind)
    written = json.loads(json.dumps(export.array(values, dtype), allow_nan=False))
    elements = [complex(*map(float, one)) if is_complex(dtype) else _read(one, kind) for one in written["values"]]
    back = np.array(elements).astype(kind) if kind.kind not in "iu" else np.array(elements, kind)
    assert (written["dtype"], written["shape"]) == (dtype, [2, len(elements) // 2])
    np.testing.assert_array_equal(back.reshape(values.shape).view(np.uint8), values.view(np.uint8))


def _read(one: Any, kind: Any) -> Any:
    return int(one) if kind.kind in "iu" else float(one)


def _numbers(dtype: str, kind: Any) -> Any:
    if kind.kind in "iu":
        info = np.iinfo(kind)
        return np.array([[info.min, info.max], [0, 1]], kind)
    if is_complex(dtype):
        return np.array([[1 + 2j, -0.0 - 1e-30j], [complex("inf"), 1 / 3]], kind)
    return np.array([[1 / 3, -0.0], [2.0**-6, 240.0]]).astype(kind)


def test_javascript_reads_it(command: Command, tmp_path: Path) -> None:
    """A worker in plain loops makes every call of the document that it can say, and agrees with what stands there."""
    path = tmp_path / "corpus.json"
    assert command("export", "--json", path, "--sweeps", "none").code == 0
    done = subprocess.run([NODE, SCRIPT, path], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert (said["format"], said["cases"], said["differing"]) == (
        export.FORMAT,
        len(corpus.load(sweeps="none").cases),
        [],
    )
    assert said["made"] > 300


def test_javascript_notices_a_wrong_number(command: Command, tmp_path: Path) -> None:
    """What it compares is what stands in the document."""
    path = tmp_path / "corpus.json"
    command("export", "conv1d.valid.*", "--json", path, "--sweeps", "none")
    data = json.loads(path.read_text())
    case = next(case for case in data["cases"] if case["expect"].get("output", {}).get("values"))
    case["expect"]["output"]["values"][-1] += 1
    path.write_text(json.dumps(data))
    done = subprocess.run([NODE, SCRIPT, path], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["differing"] == [case["id"]]
