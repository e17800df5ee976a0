"""The findings of a tap audit: which products of one call a target computes wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: The kinds of wrong products, in the order of reports.
KINDS = ("lost", "elsewhere", "added", "weighed", "other")


@dataclass(frozen=True, kw_only=True)
class Part:
    """
    The wrong products of one kind: their number, their regions in the output and in the kernel, and the first product.

    - `lost`: an expected product is missing.
    - `elsewhere`: the product reads another element of the input. `by` is the offset if it is always the same.
    - `added`: a product exists that is not expected.
    - `weighed`: the product is multiplied by a factor such as -1 or 2.
    - `other`: the contribution is not a single input element times such a factor.
    """

    kind: str
    count: int
    outputs: str
    kernel: str
    first: str
    by: str = ""

    def text(self, products: int) -> str:
        """Return a description of this finding; `products` is the expected number of products."""
        be, end = ("is", "s") if self.count == 1 else ("are", "")
        what = {
            "lost": f"{be} lost",
            "elsewhere": f"take{end} another element of the input{f', {self.by} from it' if self.by else ''}",
            "added": f"{be} there that should not be",
            "weighed": f"{be} weighed",
            "other": f"{be} something else than one element of the input, alone or times -1, 2, -2, 3 or 4",
        }[self.kind]
        # A contribution where no product is expected has no total.
        of = "" if self.kind == "added" or self.count > products else f" of {products}"
        noun = "product" if self.count == 1 and not of else "products"
        places = "; ".join(each for each in (self.outputs, self.kernel) if each) or "everywhere"
        return f"{self.count}{of} {noun} {what}: {places}. As {self.first}"


@dataclass(frozen=True, kw_only=True)
class TapAudit:
    """
    The findings of a tap audit of one call that a target computes wrongly.

    The audit made `probes` probe calls. The kernel has `kernel` elements, and `taps` of them were probed. `parts`
    describes the wrong products; `products` is the expected number of products. `is_bias_wrong` states whether the bias
    alone gives a wrong output. `constant` describes what is added without any product or bias, if anything. `adds_up`
    states whether the probed products add up to the actual values of the wrong output elements; it is None if not every
    kernel element was probed.
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
    constant: str = ""

    @property
    def lines(self) -> list[str]:
        """The findings as lines of text, followed by the picture."""
        findings = [self.constant] if self.constant else []
        findings += [part.text(self.products) for part in self.parts]
        findings += ["the bias alone gives another output"] if self.is_bias_wrong else []
        return [self._head(is_right=not findings), *findings, *self.picture]

    def _head(self, *, is_right: bool) -> str:
        right = ", all of them right" if is_right else ""
        if self.adds_up is None:
            return f"{self.probes} probes of single products of {self.taps} of {self.kernel} kernel elements{right}"
        sums = "their sum" if self.adds_up else "not their sum"
        return f"{self.probes} probes of single products{right}; what the call returned is {sums}"


def audit_to_line(audit: TapAudit) -> dict[str, Any]:
    """Return an audit as a line of a record."""
    parts = [vars(part) for part in audit.parts]
    return {"tap_audit": {**vars(audit), "parts": parts, "picture": list(audit.picture)}}


def audit_from_line(line: Mapping[str, Any]) -> TapAudit:
    """Return the audit that a line of a record holds."""
    fields = line["tap_audit"]
    parts = tuple(Part(**part) for part in fields["parts"])
    return TapAudit(**{**fields, "parts": parts, "picture": tuple(fields["picture"])})
