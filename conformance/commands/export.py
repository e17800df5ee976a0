"""`export`: write the corpus as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from . import options, output


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--json", "target", type=options.PATH, required=True, help="The file to write, or - for standard output.")
@click.option("--sweeps", type=click.Choice(["none", "quick", "full"]), default="none", show_default=True)
@options.mutators
def export(what: Sequence[str], target: Path, sweeps: str, mutators: bool) -> None:
    """
    Write the corpus as one JSON document.

    The numbers of all arrays are written out, so that programs in other languages can read the document.
    """
    import json

    from ..specification import corpus_document

    text = json.dumps(
        corpus_document(output.corpus(what, sweeps, mutators=mutators)), ensure_ascii=False, allow_nan=False
    )
    if str(target) == "-":
        click.echo(text)
    else:
        output.write(target, lambda: text + "\n")
