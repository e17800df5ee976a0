"""The filters of page templates, which format data of the corpus as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..calls import rules
from ..core import Reference
from ..corpus import CLAUSE, Alternative, Clause

#: The names of frameworks for readers, by their keys in commentaries.
NAMES = {
    "keras": "Keras",
    "torch": "PyTorch",
    "jax": "JAX",
    "tensorflow": "TensorFlow",
    "onnx": "ONNX",
    "numpy": "NumPy",
    "scipy": "SciPy",
}
#: What an implementation of an alternative does, by the switch of the reference that selects the alternative.
BEHAVIOURS = {
    "": "the result follows the definition",
    "trailing-zeros": "zeros are appended up to length W * stride",
    "dilated-nothing": "an output for W = 0 is stride - 1 longer than the formula of the transposed length returns",
    "padding-skipped": "products with inserted zeros are left out of the sum",
    "zeros-multiplied": "every tap is multiplied, also with the zeros between and beside the elements",
    "zero-start": "the sum starts from +0.0",
    "flush-subnormals": "subnormal operands and results are flushed to zero",
    "operands-8-bits": "the operands are first rounded to 8 significant bits",
    "operands-11-bits": "the operands are first rounded to 11 significant bits",
    "operands-16-bits": "the operands are first rounded to 16 significant bits",
    "operands-float16": "the operands are first rounded to float16",
}
#: How accurate the result of an alternative is, by the alternative's precision class.
ACCURACIES = {
    "exact": "rounded once, to nearest",
    "reassociated": "with the errors of a transform, proportional to the largest nearby numbers",
}


def meaning(alternative: Alternative) -> str:
    """Return a description of an implementation that chooses this alternative."""
    if not alternative.is_refusal:
        accuracy = ACCURACIES.get(alternative.precision or "", "")
        return f"{BEHAVIOURS[alternative.switch]}{f', {accuracy}' if accuracy else ''}"
    twin = alternative.twin
    if isinstance(twin, str):
        return f"the call is refused, `{twin}` is accepted"
    # A patch sets only the dtype of the input, which is the default for all other arrays.
    patch = ", ".join(f"{key}: {value['input'] if key == 'dtype' else value}" for key, value in twin.items())
    return f"the call is refused, with `{patch}` it is accepted"


def where(clause: Clause) -> str:
    """Return the condition under which a clause leaves a choice, as the continuation of a sentence."""
    if not clause.when:
        return ", for the cases that cite it"
    return f", where {' and '.join(map(_rule, clause.when))}"


def _rule(name: str) -> str:
    about = str(rules.RULES[name].__doc__ or "").strip().rstrip(".").replace(" (a value)", "")
    return f"`{name}` holds ({about[0].lower()}{about[1:]})" if about else f"`{name}` holds"


def reference(reference: Reference) -> str:
    """Return a reference as a link with a short name, followed by its description."""
    short = re.sub(r"https?://(www\.|github\.com/)?", "", reference.link)
    short = re.sub(r"/(issues|pull|discussions)/(\d+).*", r"#\2", short)
    return f"[{short}]({reference.link}): {reference.says}" if reference.says else f"[{short}]({reference.link})"


def linked(text: str, address: Callable[[str], str]) -> str:
    """Return the text with each clause id turned into a link to `address(id)`, unless the address is empty."""

    def link(found: re.Match[str]) -> str:
        there = address(found["clause"]) if found["clause"] else ""
        return f"[{found[0]}]({there})" if there else found[0]

    return re.sub(rf"`[^`]*`|\b(?P<clause>{CLAUSE.pattern})\b", link, text)


#: The filters by their names in templates.
FILTERS: Mapping[str, Callable[..., str]] = {
    "cell": lambda text: text.replace("\n", " ").replace("|", "\\|"),
    "code": lambda word: f"`{word}`",
    "meaning": meaning,
    "paragraphs": lambda text: text.strip().replace("\n", "\n\n"),
    "reference": reference,
    "where": where,
}
