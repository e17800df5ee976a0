"""An implementation that refuses nothing: what NumPy refuses it computes as something else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from conv_conformance.backends.numpy import NumPy
from conv_conformance.core.backend import Outputs, Refused
from conv_conformance.core.call import Call
from conv_conformance.core.dtypes import numpy_type


class Accepting:
    """NumPy without refusals: an undefined call returns one zero, and mixed dtypes are promoted to the widest."""

    framework = "accepting"

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Return the closure that computes the call, or something."""

        def make() -> Outputs:
            try:
                outputs = NumPy().prepare(call)()
            except Refused:
                return Outputs({"output": np.zeros((1,) * len(call.letters("output")), np.float32)})
            names = {call.dtype.input, call.dtype.kernel, call.dtype.bias} - {None}
            widest = np.result_type(*(numpy_type(name) for name in names if name is not None))
            if len(names) == 1 and call.op == "conv_transpose" and call.groups > 1:
                return Outputs({"output": outputs.arrays["output"][..., :1]})  # as if there were fewer groups
            return Outputs({"output": outputs.arrays["output"].astype(widest)})

        return make
