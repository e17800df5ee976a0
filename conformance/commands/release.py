"""`release`: write this version as a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from . import output


@click.command()
@click.argument("place", metavar="FOLDER|FILE.tar[.gz]", type=click.Path(path_type=Path))
@click.option("--check", "is_there", is_flag=True, help="Hold a bundle that is there against its checksums.")
def release(place: Path, is_there: bool) -> int:
    """
    Write this version as a bundle for an archive: specification, corpus, schema, sources, checksums.

    The bytes depend on this version alone: made again, anywhere, they are the same. Nothing is overwritten, and what
    cannot be written whole is not there.

    Exit codes: 0 it is written, or as its checksums say; 1 a file of it is not; 2 invalid usage, or it cannot be
    written.
    """
    from ..release import bundle
    from ..specification import citation

    if is_there:
        told, digest = bundle.wrong(place)
        click.echo("".join(f"{place}: {line}\n" for line in told), nl=False)
        if not told:
            click.echo(f"{place}: every file is what {bundle.SUMS} says, whose sha256 is {digest}")
        return int(bool(told))
    made = bundle.made(output.corpus((), "none"))
    bundle.write(made, place)
    size = sum(map(len, made.files.values())) / 1e6
    draft = "" if citation.RELEASED else "; a draft, for this version is not released"
    click.echo(f"{place}: {len(made.files)} files, {size:.1f} MB, the sha256 of {bundle.SUMS} is {made.digest}{draft}")
    return 0
