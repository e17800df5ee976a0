"""What a target does with the products of one call, as probes show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: What may be the matter with a product, in the order in which it is told.
KINDS = ("lost", "elsewhere", "added", "weighed", "other")


@dataclass(frozen=True, kw_only=True)
class Part:
    """
    The products with which one thing is the matter: how many, where in the output and in the kernel, and the first.

    `lost` ones should be there and are not; `elsewhere` ones multiply another element of the input, `by` so many places
    along its axes if all of them do; `added` ones should be nothing; `weighed` ones come with a weight, such as -1 or
    2; `other` ones are no single element of the input with such a weight.
    """

    kind: str
    count: int
    outputs: str
    kernel: str
    first: str
    by: str = ""

    def text(self, products: int) -> str:
        """Return it in words, of so many products."""
        be, end = ("is", "s") if self.count == 1 else ("are", "")
        what = {
            "lost": f"{be} lost",
            "elsewhere": f"take{end} another element of the input{f', {self.by} from it' if self.by else ''}",
            "added": f"{be} there that should not be",
            "weighed": f"{be} weighed",
            "other": f"{be} something else than one element of the input, alone or times -1, 2, -2, 3 or 4",
        }[self.kind]
        of = "" if self.kind == "added" else f" of {products}"
        noun = "product" if self.count == 1 and not of else "products"
        places = "; ".join(each for each in (self.outputs, self.kernel) if each) or "everywhere"
        return f"{self.count}{of} {noun} {what}: {places}. As {self.first}"


@dataclass(frozen=True, kw_only=True)
class TapAudit:
    """
    What probes say about a call that a target gets wrong.

    `taps` elements of the kernel, of `kernel` that it has, were probed. `parts` are those of their products that are
    not as they should be, of `products` that there should be; `is_bias_wrong` where the bias alone gives another
    output. What the call returned is the sum of what the probes show if `adds_up`, None if not all of it was probed.
    """

    case: str = ""
    target: str = ""
    products: int
    probes: int
    taps: int
    kernel: int
    parts: tuple[Part, ...]
    is_bias_wrong: bool
    adds_up: bool | None
    picture: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """It in words, and the picture."""
        said = [each.text(self.products) for each in self.parts]
        said += ["the bias alone gives another output"] if self.is_bias_wrong else []
        return [self._head(is_right=not said), *said, *self.picture]

    def _head(self, *, is_right: bool) -> str:
        right = ", all of them right" if is_right else ""
        if self.adds_up is None:
            return f"{self.probes} probes of single products of {self.taps} of {self.kernel} kernel elements{right}"
        sums = "their sum" if self.adds_up else "not their sum"
        return f"{self.probes} probes of single products{right}; what the call returned is {sums}"


def audit_to_line(found: TapAudit) -> dict[str, Any]:
    """Return an audit as the record's line."""
    parts = [vars(each) for each in found.parts]
    return {"tap_audit": {**vars(found), "parts": parts, "picture": list(found.picture)}}


def audit_from_line(line: Mapping[str, Any]) -> TapAudit:
    """Return the audit that a record's line says."""
    said = line["tap_audit"]
    parts = tuple(Part(**each) for each in said["parts"])
    return TapAudit(**{**said, "parts": parts, "picture": tuple(said["picture"])})
