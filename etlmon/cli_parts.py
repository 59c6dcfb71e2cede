"""What the commands of the command line are put together from."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etlmon.cli_examples import EXAMPLES

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

FAILED, USAGE = 1, 2


def command(
    commands: "Commands", path: str, run: Callable[[argparse.Namespace], int], about: str
) -> argparse.ArgumentParser:
    """A command; `path` are the words that lead to it, its examples stand under them."""
    parser = _parser(commands, path, about)
    parser.set_defaults(run=run)
    return parser


def group(commands: "Commands", path: str, about: str) -> "Commands":
    """Where the commands below this one are added; alone it prints its help."""
    parser = _parser(commands, path, about)
    parser.set_defaults(run=lambda _: usage(parser))
    return parser.add_subparsers(title="commands", metavar="COMMAND")


def _parser(commands: "Commands", path: str, about: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        path.rpartition(" ")[2],
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        allow_abbrev=False,
        **examples(path),
    )


def examples(path: str) -> dict[str, Any]:
    """How a parser's help ends."""
    epilog = f"examples:{EXAMPLES[path]}" if path in EXAMPLES else None
    return {"epilog": epilog, "formatter_class": argparse.RawDescriptionHelpFormatter}


def usage(parser: argparse.ArgumentParser) -> int:
    """Print the help; the exit code of wrong usage."""
    parser.print_help(sys.stderr)
    return USAGE


def config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", type=Path, help="the configuration")


def nodes_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--node", metavar="URL", action="append", type=address, help="ask this node (repeatable)")


def address(text: str) -> str:
    """The address of a node as it is given. Raises ArgumentTypeError."""
    from etlmon.address import parse_address

    try:
        parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def say(message: str, code: int) -> int:
    """Tell the user on standard error; returns the exit code."""
    sys.stderr.write(f"etlmon: {message}\n")
    return code
