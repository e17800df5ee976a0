"""The page of the case format, docs/reference/format.md, from its schema; pages.py writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from conv_conformance import corpus

Schema = Mapping[str, Any]

HEAD = """\
# The case format

The keys of a case file, from [its schema](../../cases/case.schema.json), which editors can use too. Files are YAML and
are read strictly: unknown and repeated keys are errors. All errors of a file are reported together, with their lines.
[The corpus](../../cases/README.md) describes the order of files, the rules for cases and the generators of arrays.
[The tutorial](../tutorial.md#as-a-case) writes a first case, [CONTRIBUTING](../../CONTRIBUTING.md#add-a-case) another.

A required key is **bold**.
"""
#: The heading of the keys that cases, patches and sweeps have in common.
CALL = "the keys of a call"
LINK = f"[{CALL}](#{CALL.replace(' ', '-')})"
#: The definitions that have their own section, in this order; all others are described where they are used.
SECTIONS = (
    "case",
    "expect",
    "alternative",
    "fit",
    "output",
    "refusal",
    "patch",
    "gradients",
    "second_order",
    "array",
    "lcg",
    "normal",
    "number",
    "complex",
    "layout",
    "dtype",
    "dtype_name",
    "storage",
    "stored",
    "before",
    "variation",
    "references",
    "sweep",
    "axes",
)
#: The names of JSON types on the page.
TYPES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "object": "a mapping",
    "boolean": "a boolean",
}


def page() -> str:
    """Return the page."""
    schema = json.loads((corpus.shipped() / "case.schema.json").read_text(encoding="utf-8"))
    return "\n".join([HEAD, *Page(schema["definitions"]).lines(schema)])


class Page:
    """The sections of a schema, by its definitions."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions
        self.call = set.intersection(*(set(definitions[name]["properties"]) for name in ("case", "patch")))

    def lines(self, schema: Schema) -> Iterator[str]:
        """Yield the lines of all sections."""
        yield from self._section("The file", schema, full=False)
        case = self.definitions["case"]["properties"]
        yield from self._section(
            CALL.capitalize(), {"properties": {key: case[key] for key in case if key in self.call}}, full=True
        )
        for name in SECTIONS:
            yield from self._section(f"`{name}`", self.definitions[name], full=False)

    def _section(self, heading: str, schema: Schema, *, full: bool) -> Iterator[str]:
        yield f"## {heading}\n"
        if "description" in schema:
            yield f"{plain(schema['description'])}\n"
        forms = schema.get("oneOf", schema.get("anyOf", [schema]) if "properties" not in schema else [schema])
        loose = [self._words(form) for form in forms if "properties" not in form]
        if loose:
            yield f"It is {' or '.join(loose)}{', or has these keys' if len(loose) < len(forms) else ''}.\n"
        if len(forms) - len(loose) > 1:
            yield "It has the keys of one of these tables.\n"
        for form in forms:
            if "properties" in form:
                yield from self._table(form, full=full)

    def _table(self, schema: Schema, *, full: bool) -> Iterator[str]:
        properties, required = schema["properties"], schema.get("required", ())
        shared = not full and self._is_call(properties)
        if shared:
            yield f"It has {LINK}, and:\n"
        yield "| key | value | meaning |\n|---|---|---|"
        for key, value in properties.items():
            if not shared or key not in self.call:
                name = f"**`{key}`**" if key in required else f"`{key}`"
                yield f"| {name} | {self._words(value)} | {plain(self._meaning(value))} |"
        yield ""

    def _meaning(self, schema: Schema) -> str:
        meant = schema.get("description", "")
        if not meant and "$ref" in schema:
            return self._meaning(self._referred(schema))
        return str(meant)

    def _referred(self, schema: Schema) -> Schema:
        return self.definitions[schema["$ref"].rpartition("/")[2]]

    def _words(self, schema: Schema) -> str:
        """Return a description of the values that a schema allows."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return f"[{name}](#{name})" if name in SECTIONS else self._words(self.definitions[name])
        if "enum" in schema:
            return ", ".join(f"`{word}`" for word in schema["enum"])
        for key in ("allOf", "anyOf", "oneOf"):
            if key in schema and "properties" not in schema:
                return " or ".join(dict.fromkeys(map(self._words, schema[key])))
        if schema.get("type") == "array":
            return f"a list of {'numbers, or of lists' if self._is_nested(schema) else self._many(schema['items'])}"
        if "properties" in schema:
            shared = self._is_call(schema["properties"])
            own = [
                self._named(*each) for each in schema["properties"].items() if not shared or each[0] not in self.call
            ]
            return f"a mapping of {', '.join([LINK] * shared + own)}"
        return TYPES[schema["type"]]

    def _named(self, key: str, value: Schema) -> str:
        return f"`{key}` ({self._words(value)})" if "properties" in value else f"`{key}`"

    def _is_call(self, properties: Schema) -> bool:
        """Return whether an object has more than half of the keys of a call."""
        return len(self.call & set(properties)) > len(self.call) / 2

    def _many(self, schema: Schema) -> str:
        return re.sub(r"\ban? (\w+)", r"\1s", self._words(schema))

    def _is_nested(self, schema: Schema) -> bool:
        return any("nested" in each.get("$ref", "") for each in schema["items"].get("anyOf", ()))


def plain(text: str) -> str:
    """Return a text of the schema with all Markdown characters escaped."""
    return re.sub(r"([*<\[\]|])", r"\\\1", text)
