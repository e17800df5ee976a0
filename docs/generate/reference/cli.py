"""The page of the command line, docs/reference/cli.md, from the click commands; pages.py writes it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click
from conv_conformance import cli

HEAD = """\
# The command line

This page shows the output of `conv-conformance COMMAND --help` for every command. All commands use [the same exit
codes](verdicts.md#exit-codes). For an error in the command line itself, the program prints one line and ends with
exit code 2.
"""
NAME = "conv-conformance"


def page() -> str:
    """Return the page."""
    commands = cli.commands.commands
    links = " · ".join(f"[{name}](#{name})" for name in sorted(commands))
    every = (line for name in sorted(commands) for line in _section(name, commands[name]))
    return "\n".join([HEAD, f"{links}\n", *_options(cli.commands, click.Context(cli.commands, info_name=NAME)), *every])


def _section(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"{NAME} {name}")
    yield f"## {name}\n"
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield f"{plain(' '.join(paragraph.split()))}\n"
    yield from _options(command, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the table of a command's options, without `--help`."""
    yield "| option | what it does |\n|---|---|"
    records = (
        each.get_help_record(context) for each in command.get_params(context) if each.param_type_name == "option"
    )
    for names, said in filter(None, records):
        if "--help" not in names:
            yield f"| `{names.replace('|', chr(92) + '|')}` | {plain(' '.join(said.split()))} |"
    yield ""


def plain(text: str) -> str:
    """Return a help text as Markdown: code stays code, all other Markdown characters are escaped."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<\[\]|])", r"\\\1", part) for part in parts)
