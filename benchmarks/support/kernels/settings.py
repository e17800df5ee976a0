"""Under what a framework is asked for its kernels: a target, environment variables, and what has no variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: What is pinned inside the process, for want of an environment variable.
PINS = {
    "onednn-off": "torch.backends.mkldnn.enabled = False",
    "channels-last": "every input of torch's convolutions is made channels-last first",
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: its name is the target's, then what differs from that target's defaults."""

    target: str
    differs: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    pin: str = ""
    #: How many of the cases are tried, evenly spread, where each takes long; 0 for all.
    most: int = 0

    @property
    def name(self) -> str:
        """The target, and what differs from its defaults."""
        return f"{self.target}, {self.differs}" if self.differs else self.target

    @property
    def said(self) -> str:
        """What was set, as a reader would set it."""
        parts = [f"{name}={value}" for name, value in self.environment.items()]
        return " ".join([*parts, *([PINS[self.pin]] if self.pin else [])]) or "the framework's defaults"


def _capped(target: str, *isas: str) -> tuple[Setting, ...]:
    return tuple(
        Setting(target=target, differs=f"oneDNN up to {isa}", environment={"ONEDNN_MAX_CPU_ISA": isa}) for isa in isas
    )


#: Every setting, a target's defaults ahead of what differs from them.
SETTINGS = (
    Setting(target="torch"),
    Setting(target="torch", differs="one thread", environment={"OMP_NUM_THREADS": "1"}),
    Setting(target="torch", differs="oneDNN off", pin="onednn-off"),
    Setting(
        target="torch",
        differs="oneDNN off, ATen without vectors",
        environment={"ATEN_CPU_CAPABILITY": "default"},
        pin="onednn-off",
    ),
    *_capped("torch", "AVX512_CORE", "AVX2", "SSE41"),
    Setting(target="torch", differs="channels last", pin="channels-last"),
    Setting(target="torch+layer"),
    Setting(target="torch+autocast"),
    Setting(target="torch+compile", most=600),
    Setting(target="jax"),
    Setting(target="jax+jit"),
    Setting(
        target="jax+jit",
        differs="YNNPACK off",
        environment={"XLA_FLAGS": "--xla_cpu_experimental_ynn_fusion_type="},
        most=400,
    ),
    Setting(
        target="jax+jit",
        differs="Eigen on one thread",
        environment={"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"},
        most=400,
    ),
    Setting(
        target="jax+jit",
        differs="float16 not widened",
        environment={"XLA_FLAGS": "--xla_cpu_strict_dot_conv_math=true"},
        most=400,
    ),
    Setting(
        target="jax+jit",
        differs="oneDNN on",
        environment={"XLA_FLAGS": "--xla_cpu_use_onednn=true --xla_cpu_experimental_onednn_custom_call=true"},
        most=100,
    ),
    Setting(target="tensorflow"),
    Setting(target="tensorflow", differs="oneDNN off", environment={"TF_ENABLE_ONEDNN_OPTS": "0"}),
    Setting(
        target="tensorflow",
        differs="one thread",
        environment={"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"},
    ),
    *_capped("tensorflow", "AVX512_CORE", "AVX2"),
    Setting(target="tensorflow+graph"),
    Setting(target="tensorflow+graph", differs="oneDNN off", environment={"TF_ENABLE_ONEDNN_OPTS": "0"}),
    Setting(
        target="tensorflow+graph",
        differs="oneDNN in blocked layouts",
        environment={"TF_ENABLE_MKL_NATIVE_FORMAT": "0"},
    ),
    Setting(target="keras-torch"),
    Setting(target="keras-tensorflow"),
    Setting(target="keras-tensorflow", differs="oneDNN off", environment={"TF_ENABLE_ONEDNN_OPTS": "0"}),
    Setting(target="keras-jax"),
)
