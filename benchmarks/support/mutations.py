"""
Mutants of a module: the edits that Cosmic Ray makes, which of them count, and the explanations of survivors.

A mutant counts if it compiles and is another program than the module. Annotations are no part of the program, because
nothing evaluates them under `from __future__ import annotations`.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One edit of one module, by the tool's operator; `killed` names what noticed the mutant, such as a test."""

    module: str
    function: str
    line: int
    operator: str
    before: str
    after: str
    source: str
    killed: str = ""

    @property
    def name(self) -> str:
        """The module, the function, and the line before and after the edit."""
        return f"{self.module}.{self.function}: {self.before} -> {self.after}"


def edits(paths: Sequence[Path]) -> list[MutationSpec]:
    """Return every edit that Cosmic Ray makes of the files, in the order of files, positions and operators."""
    with tempfile.TemporaryDirectory() as folder, use_db(Path(folder, "session.sqlite"), WorkDB.Mode.create) as session:
        init(list(paths), session, {})
        found = [mutation for item in session.work_items for mutation in item.mutations]
    return sorted(found, key=lambda each: (each.module_path, each.start_pos, each.operator_name))


def edited(edit: MutationSpec, module: str, text: str) -> Mutant:
    """Return the mutant that an edit makes of the code `text` of a module."""
    operator = get_operator(edit.operator_name)(**edit.operator_args)
    source = mutate_code(text, operator, edit.occurrence)
    pairs = zip(text.splitlines(), source.splitlines(), strict=True)
    before, after = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
    return Mutant(
        module=module,
        function=edit.definition_name or "module",
        line=edit.start_pos[0],
        operator=edit.operator_name.removeprefix("core/"),
        before=" ".join(before.split()),
        after=" ".join(after.split()),
        source=source,
    )


def program(source: str) -> str:
    """
    Return a text that is equal for two sources if they are the same program.

    Raises:
        SyntaxError: if the source does not compile.

    """
    tree = ast.parse(source)
    compile(tree, "mutant", "exec")
    return ast.dump(_WithoutAnnotations().visit(tree))


class _WithoutAnnotations(ast.NodeTransformer):
    """Removes annotations: under `from __future__ import annotations` nothing evaluates them."""

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(arg=node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return ast.Assign(targets=[node.target], value=node.value)


def explanations(path: Path) -> dict[str, tuple[str, str]]:
    """Return, by the name of each explained survivor, its kind (`equivalent` or `unseen`) and the reason."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    found = {}
    for entry in entries:
        [kind] = entry.keys() - {"mutants"}
        assert kind in ("equivalent", "unseen"), kind
        found |= {" ".join(name.split()): (kind, " ".join(entry[kind].split())) for name in entry["mutants"]}
    return found
