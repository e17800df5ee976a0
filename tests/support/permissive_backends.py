"""
Two backends that use every freedom of the specification.

`RefusesAll` refuses each call that a clause allows to be refused, and each that must be refused. `ComputesAll` refuses
only what must be refused. Both compute the exact reference, without a switch.
"""

from __future__ import annotations

from collections.abc import Callable

from conv_conformance.core.backend import Outputs, Refused, Target
from conv_conformance.core.call import Call
from conv_conformance.corpus import load, open_choices
from conv_conformance.reference import Undefined, check_call, evaluate, gradients, second_order


class ComputesAll:
    """Computes every call that has a meaning."""

    framework = "computes-all"
    differentiates = True
    differentiates_twice = True

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Return the closure that computes the call by the reference, or refuses it."""

        def make() -> Outputs:
            self.check(call)
            arrays = {"output": evaluate(call)}
            if call.variation.shape_inference:
                arrays["inference"] = arrays["output"]
            if call.cotangent is not None:
                computed = gradients(call, call.cotangent)
                arrays |= {f"gradient.{name}": computed[name] for name in call.gradients}
            if call.second_order and call.cotangent is not None:
                again = second_order(call, call.cotangent, call.along)
                arrays |= {f"second.{name}": again[name] for name in call.second_order}
            return Outputs(arrays, f"{self.framework}()")

        return make

    def check(self, call: Call) -> None:
        """Raise Refused if the call has no meaning."""
        try:
            check_call(call)
        except Undefined as error:
            raise Refused(str(error)) from error


class RefusesAll(ComputesAll):
    """Also refuses what any clause allows to be refused."""

    framework = "refuses-all"

    def __init__(self, target: Target | None = None) -> None:
        self._clauses = load().clauses

    def check(self, call: Call) -> None:
        """Raise Refused if the call has no meaning, or if a clause allows the refusal."""
        super().check(call)
        for clause in open_choices(call, self._clauses):
            if any(alternative.is_refusal for alternative in clause.alternatives.values()):
                raise Refused(clause.id)
