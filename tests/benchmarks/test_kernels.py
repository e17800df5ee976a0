"""Which kernels the cases reach is read rightly from what the frameworks tell, and counted rightly."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conv_conformance import corpus
from conv_conformance.workers.targets import missing

ROOT = Path(__file__).parents[2]


sys.path.insert(0, str(ROOT / "benchmarks"))
existing = importlib.import_module("support.kernels.existing")
jax = importlib.import_module("support.kernels.jax")
observe = importlib.import_module("support.kernels.observe")
onednn = importlib.import_module("support.kernels.onednn")
page = importlib.import_module("support.kernels.page")
settings = importlib.import_module("support.kernels.settings")
tally = importlib.import_module("support.kernels.tally")

CONVOLUTION = (
    "onednn_verbose,v1,primitive,exec,cpu,convolution,brg_conv_fwd:avx512_core_bf16,forward_training,"
    "src:bf16::blocked:acdb::f0 wei:bf16:a:blocked:AcdB32a2b::f0 bia:undef::undef::: dst:bf16::blocked:acdb::f0,"
    "attr-scratchpad:user,alg:convolution_direct,mb4_ic16oc32_ih14oh14kh3sh1dh0ph1_iw14ow14kw3sw1dw0pw1,0.08"
)


def test_a_primitive_is_its_kind_direction_dtype_and_implementation() -> None:
    """A verbose line of oneDNN says of which kind a primitive is, which code it took and in which formats."""
    primitive = onednn.parse(CONVOLUTION)
    assert primitive.path == "convolution forward bf16 brg_conv_fwd:avx512_core_bf16"
    assert primitive.formats == "src:acdb wei:AcdB32a2b dst:acdb"


@pytest.mark.parametrize(
    "line",
    [
        "onednn_verbose,v1,info,cpu,runtime:OpenMP,nthr:2",
        CONVOLUTION.replace("exec", "create:cache_hit"),
        CONVOLUTION.replace("convolution,brg", "reorder,brg"),
        "a line of the framework's own",
    ],
)
def test_what_was_not_computed_is_no_primitive(line: str) -> None:
    """Lines about creation, about copies and of the framework are passed over."""
    assert onednn.parse(line) is None


@pytest.mark.parametrize(
    ("kind", "direction", "implementation", "inside"),
    [
        ("deconvolution", "forward", "conv:any+x64:gemm:jit", "convolution backward_data bf16 x64:gemm:jit"),
        ("deconvolution", "forward", "brg_deconv:avx2+brg_conv_fwd:avx2", "convolution forward bf16 brg_conv_fwd:avx2"),
        ("convolution", "backward_data", "brg_conv_bwd:a+brg_conv_fwd:a", "convolution forward bf16 brg_conv_fwd:a"),
        ("convolution", "backward_data", "jit_uni_ncsp:conv+jit:a", "convolution backward_data bf16 jit:a"),
    ],
)
def test_a_primitive_has_another_inside(kind: str, direction: str, implementation: str, inside: str) -> None:
    """The inner primitive of an implementation is executed too; a deconvolution is the gradient of a convolution."""
    primitive = onednn.parse(CONVOLUTION)._replace(kind=kind, direction=direction, implementation=implementation)
    assert primitive.inner.path == inside
    assert primitive.inner.inner is None


def test_a_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    """What is printed before is not told again, and half a line waits for its other half."""
    log = tmp_path / "log"
    log.write_text(CONVOLUTION + "\n")
    verbose = onednn.Verbose(str(log))
    with log.open("a") as file:
        file.write(CONVOLUTION[:100])
        file.flush()
        assert list(verbose.primitives()) == []
        file.write(CONVOLUTION[100:] + "\n")
    assert [one.kind for one in verbose.primitives()] == ["convolution"]


HLO = """\
HloModule jit_f, is_scheduled=true

%fused (param_0: f32[4,14,14,16], param_1: f32[3,3,16,32]) -> f32[4,14,14,32] {
  ROOT %c = f32[4,14,14,32]{3,2,1,0} convolution(%param_0, %param_1), window={size=3x3}, dim_labels=b01f_01io->b01f
}

ENTRY %main (x: f32[4,14,14,16], w: f32[3,3,16,32]) -> f32[4,14,14,32] {
  %y = f32[4,14,14,32]{3,2,1,0} fusion(%x, %w), kind=kCustom, calls=%fused, backend_config={"kind":"__ynn_fusion"}
  %z = f32[4,14,8]{2,1,0} convolution(%a, %b), window={size=3}, dim_labels=b0f_0io->b0f, feature_group_count=2
  ROOT %d = s32[4,8]{1,0} dot(%e, %f), lhs_contracting_dims={1}
}
"""


def test_a_convolution_is_a_fusion_or_a_thunk_or_a_kernel() -> None:
    """Inside a fusion for YNNPACK it is that; what an emitter wrote is a kernel; what is left calls a library."""
    assert set(jax.kernels(HLO, b"xla_cpu_emitter__dot_kernel_emitter__hlo_opcode__dotJ\x01")) == {
        "convolution YNNPACK fusion f32 2D",
        "convolution thunk f32 1D grouped",
        "dot kernel s32",
    }


LAYER = existing.Layer(
    title="",
    source="",
    paths=["a:avx2", "a:amx", "b", "c"],
    reasons=[existing.Reason(path="a:amx", why="needs AMX", lacking="amx_bf16"), existing.Reason(path="b", why="old")],
)


def test_what_is_not_reached_has_the_first_reason_that_holds() -> None:
    """A feature that the processor has is no reason; where none is known, no case takes the path."""
    assert list(LAYER.missing(["a:avx2"], [])) == [("a:amx", "needs AMX"), ("b", "old"), ("c", existing.NO_CASE)]
    assert dict(LAYER.missing(["a:avx2", "c"], ["amx_bf16"])) == {"a:amx": existing.NO_CASE, "b": "old"}


def _told(kind: str, severity: str, **more: str) -> dict[str, str]:
    return {"verdict": "disagree", "kind": kind, "severity": severity, "message": "m", **more}


def test_only_what_the_setting_changes_is_told() -> None:
    """
    A case that disagrees in the same way under the defaults is not the setting's doing.

    What nothing explains, and is silent, comes first.
    """
    values, refused = _told("values", "silent"), _told("refused", "loud")
    known = _told("values", "silent", known="entry")
    found = {
        "torch": {"target": "torch", "otherwise": {"both": values, "here": values}},
        "torch, x": {
            "target": "torch",
            "otherwise": {"a": known, "both": values, "b": refused, "here": refused, "c": values},
        },
    }
    assert [case for _, case, _ in page.differing(found)] == ["c", "b", "here", "a"]


def test_what_a_setting_mends_is_told_where_all_cases_were_tried() -> None:
    """A case wrong only under the defaults is listed for a setting that ran all cases, not for one that ran a few."""
    default = {"target": "torch", "otherwise": {"a": _told("values", "silent")}, "verdicts": {"agree": 1, "known": 1}}
    found = {
        "torch": default,
        "torch, x": {"target": "torch", "otherwise": {}, "verdicts": {"agree": 2}},
        "torch, y": {"target": "torch", "otherwise": {}, "verdicts": {"agree": 1}},
    }
    assert [(name, case) for name, case, _ in page.mended(found)] == [("torch, x", "a")]


def test_paths_of_calls_that_did_not_return_do_not_count() -> None:
    """Of two cases on one path, one of which was refused, one is counted, and the smallest is named first."""
    cases = sorted(corpus.load().select(["conv1d.valid.*"]).cases, key=lambda case: case.call.input.size)[:3]
    small, middle, large = (case.id for case in cases)
    path = tally.Path("torch.backend", "Slow2d")
    seen = tally.Seen(
        paths={large: [path], middle: [path], small: [path]},
        verdicts={
            large: {"verdict": "agree", "returned": True},
            middle: {"verdict": "agree", "returned": True},
            small: {"verdict": "agree", "returned": False},
        },
    )
    counted = tally.tally(settings.SETTINGS[0], seen, cases)
    assert counted["paths"] == {"torch.backend": {"Slow2d": {"cases": 2, "smallest": [middle, large]}}}


def test_the_case_that_a_process_died_of_is_a_crash(tmp_path: Path) -> None:
    """Of a process that was started again, the case whose call had begun has crashed, and the others stand."""
    lines = [
        {"about": {}, "existing": {}},
        {"begun": "a"},
        {"case": "a", "paths": []},
        {"judged": "a", "verdict": "agree", "returned": True},
        {"begun": "b"},
        {"about": {}, "existing": {}},
        {"begun": "c"},
    ]
    file = tmp_path / "observations"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"case": "c", "pa')
    seen = tally.read(file)
    assert {case: told["verdict"] for case, told in seen.verdicts.items()} == {"a": "agree", "b": "crash", "c": "crash"}
    assert (seen.begun, seen.is_done) == (3, False)


def test_the_names_of_settings_are_their_own() -> None:
    """No two settings have one name, and each target's defaults are among them, ahead of what differs."""
    names = [each.name for each in settings.SETTINGS]
    assert len(names) == len(set(names))
    assert [each.name for each in settings.SETTINGS if names.index(each.target) > names.index(each.name)] == []


def test_a_call_is_given_the_kernels_that_it_took(tmp_path: Path) -> None:
    """
    A dilated convolution of two axes in torch, without oneDNN, takes the backend for dilated ones, and no primitive.

    Under autocast the same calls are judged by the dtype that autocast returns.
    """
    if lacking := missing("torch"):
        pytest.skip(f"not installed: {', '.join(lacking)}")
    out = tmp_path / "out.jsonl"
    command = [sys.executable, str(ROOT / "benchmarks" / "kernels.py"), "conv2d.dilation.*", "conv2d.valid.*"]
    command += ["--setting", "torch, oneDNN off", "--setting", "torch+autocast", "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())["settings"]
    paths = found["torch, oneDNN off"]["paths"]
    assert {layer: set(names) for layer, names in paths.items()} == {"torch.backend": {"Slow2d", "SlowDilated2d"}}
    assert found["torch+autocast"]["otherwise"] == {}
