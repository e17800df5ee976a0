"""`targets`: list the targets and their modes."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--of", "package", metavar="PACKAGE", help="List only the default targets of this framework, one per line."
)
def targets(package: str | None) -> None:
    """List the targets, and whether they are installed."""
    from ..workers import targets as all_targets

    if package is not None:
        from ..running import affected_targets

        click.echo("".join(f"{adapter}\n" for adapter in affected_targets(package, ())), nl=False)
        return
    for name, locator in all_targets.known().items():
        missing = all_targets.missing(name)
        state = f"not installed (no {', '.join(missing)})" if missing else "installed"
        click.echo(f"{name:<18} {state}")
        for mode, about in all_targets.modes_of(locator).items():
            click.echo(f"  {f'+{mode}' if mode else 'plain':<16} {about}")
