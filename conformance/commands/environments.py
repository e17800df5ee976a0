"""`environments`: list or remove the environments that `check` made."""

from __future__ import annotations

import click


@click.command("environments")
@click.option("--prune", is_flag=True, help="Remove all environments instead of listing them.")
def environments(prune: bool) -> None:
    """List the environments that `check` made, with their sizes."""
    from ..workers import environments as made

    if prune:
        count, size = made.pruned()
        click.echo(f"{count} environments removed, {size / 1e9:.1f} GB")
        return
    for home, size in made.kept().items():
        click.echo(f"{size / 1e9:6.1f} GB  {home}")
