"""How pages say what is data in the corpus, in Markdown: the filters of their templates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..calls import rules
from ..core import Reference
from ..corpus import CLAUSE, Alternative, Clause

#: How frameworks are named in a sentence.
NAMES = {
    "keras": "Keras",
    "torch": "PyTorch",
    "jax": "JAX",
    "tensorflow": "TensorFlow",
    "onnx": "ONNX",
    "numpy": "NumPy",
    "scipy": "SciPy",
}
#: What an implementation does that follows an alternative, by the reference's switch.
SWITCHED = {
    "": "the result is what the definition gives",
    "trailing-zeros": "zeros follow the last product up to W * stride",
    "dilated-nothing": "no elements have no gaps, so that the output is stride - 1 longer than W = 0 makes it",
    "padding-skipped": "what reads padding is left out of the sum",
    "zeros-multiplied": "every tap is multiplied, with zeros between and beside the elements where it meets none",
    "zero-start": "the sum starts from +0.0",
    "flush-subnormals": "subnormal numbers are taken for zero, as operands and as results",
    "operands-8-bits": "the result of operands that were rounded to 8 significant bits",
    "operands-11-bits": "the result of operands that were rounded to 11 significant bits",
    "operands-16-bits": "the result of operands that were rounded to 16 significant bits",
    "operands-float16": "the result of operands that were rounded to float16",
}
#: How near the result is, by the class of rounding that an alternative asks for.
ASKED = {
    "exact": "rounded once, to nearest",
    "reassociated": "with the errors of a transform, in proportion to the largest numbers around",
}


def meaning(alternative: Alternative) -> str:
    """Return what an implementation does that follows an alternative."""
    if not alternative.is_refusal:
        asked = ASKED.get(alternative.precision or "", "")
        return f"{SWITCHED[alternative.switch]}{f', {asked}' if asked else ''}"
    twin = alternative.twin
    if isinstance(twin, str):
        return f"the call is refused, `{twin}` is accepted"
    # The dtype of a patch is that of the input, which the other arrays follow.
    patch = ", ".join(f"{key}: {value['input'] if key == 'dtype' else value}" for key, value in twin.items())
    return f"the call is refused, with `{patch}` it is accepted"


def where(clause: Clause) -> str:
    """Return the condition under which a clause leaves a choice, as an apposition."""
    if not clause.when:
        return ", for the cases that ask it"
    return f", where {' and '.join(map(_rule, clause.when))}"


def _rule(name: str) -> str:
    about = str(rules.RULES[name].__doc__ or "").strip().rstrip(".").replace(" (a value)", "")
    return f"`{name}` holds ({about[0].lower()}{about[1:]})" if about else f"`{name}` holds"


def reference(reference: Reference) -> str:
    """Return a source as its short name, linked, and what it says."""
    short = re.sub(r"https?://(www\.|github\.com/)?", "", reference.link)
    short = re.sub(r"/(issues|pull|discussions)/(\d+).*", r"#\2", short)
    return f"[{short}]({reference.link}): {reference.says}" if reference.says else f"[{short}]({reference.link})"


def linked(text: str, address: Callable[[str], str]) -> str:
    """Return a text in which the clauses that it names are links; `address` leads to one, or is empty."""

    def link(found: re.Match[str]) -> str:
        there = address(found["clause"]) if found["clause"] else ""
        return f"[{found[0]}]({there})" if there else found[0]

    return re.sub(rf"`[^`]*`|\b(?P<clause>{CLAUSE.pattern})\b", link, text)


#: What templates call them.
FILTERS: Mapping[str, Callable[..., str]] = {
    "cell": lambda text: text.replace("\n", " ").replace("|", "\\|"),
    "code": lambda word: f"`{word}`",
    "meaning": meaning,
    "paragraphs": lambda text: text.strip().replace("\n", "\n\n"),
    "reference": reference,
    "where": where,
}
