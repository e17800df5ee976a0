"""`release`: write the bundle of this version."""

from __future__ import annotations

from pathlib import Path

import click

from . import output


@click.command()
@click.argument("place", metavar="FOLDER|FILE.tar[.gz]", type=click.Path(path_type=Path))
@click.option("--check", "is_there", is_flag=True, help="Verify the checksums of an existing bundle.")
def release(place: Path, is_there: bool) -> int:
    """
    Write the bundle of this version for an archive.

    The bundle contains the specification, the corpus, the schema, the sources and checksums. The bytes of the bundle
    depend only on the version, not on the machine or the time. Existing files are never overwritten. If the bundle
    cannot be written completely, the incomplete bundle is removed.

    Exit codes: 0 the bundle is written, or all checksums match; 1 a checksum does not match; 2 invalid usage, or the
    bundle cannot be written.
    """
    from ..release import bundle
    from ..specification import citation

    if is_there:
        problems, digest = bundle.wrong(place)
        click.echo("".join(f"{place}: {line}\n" for line in problems), nl=False)
        if not problems:
            click.echo(f"{place}: every file matches {bundle.SUMS}, whose sha256 is {digest}")
        return int(bool(problems))
    made = bundle.make_bundle(output.corpus((), "none"))
    bundle.write(made, place)
    size = sum(map(len, made.files.values())) / 1e6
    draft = "" if citation.RELEASED else "; a draft: this version is not released"
    click.echo(f"{place}: {len(made.files)} files, {size:.1f} MB, sha256 of {bundle.SUMS}: {made.digest}{draft}")
    return 0
