"""The command `etlmon`. Either half of the program is imported only when its command runs.

Exit codes: 0 done, 1 something is wrong or failed, 2 wrong usage or configuration, 130 interrupted.
"""

import argparse
import dataclasses
import io
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from etlmon import __version__, cli_alerts, cli_clusters, cli_dataproc
from etlmon.cli_files import NODE_FILE, existing, ui_file
from etlmon.cli_parts import FAILED, USAGE, address, command, config_option, examples, group, nodes_option, say, usage

if TYPE_CHECKING:
    from datetime import datetime

    from etlmon.cli_parts import Commands
    from etlmon.config import Finding, Loaded
    from node.settings import NodeSettings
    from ui.settings import UiSettings

F = TypeVar("F", bound=Path | None)
L = TypeVar("L")

INTERRUPTED, CLOSED_PIPE = 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Wrong usage leaves with SystemExit(2), as argparse does it."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # no name of a host can fail on a terminal that is not UTF-8
    try:
        chosen = build_parser().parse_args(arguments)
        code: int = chosen.run(chosen)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough. What is still buffered goes nowhere, without a complaint at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    return code


def _open_closed_streams() -> None:
    # The number of a closed stream goes to the next file that is opened, and what is printed would go into that.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; completion scripts are made from it, too."""
    parser = argparse.ArgumentParser(
        "etlmon", description="Watches the hosts that move data.", allow_abbrev=False, **examples("etlmon")
    )
    parser.add_argument("--version", action="version", version=f"etlmon {__version__}", help="print the version")
    parser.set_defaults(run=lambda _: usage(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    node = command(commands, "node", _node, "watch this host and answer what was seen")
    config_option(node)
    node.add_argument("--check", action="store_true", help="check the configuration and leave")
    node.add_argument("--read-only", action="store_true", help="refuse every command")

    ui = command(commands, "ui", _ui, "look at many nodes in this terminal")
    config_option(ui)
    ui.add_argument("--node", metavar="URL", action="append", type=address, help="look at this node (repeatable)")
    ui.add_argument("--read-only", action="store_true", help="act on nothing")
    ui.add_argument("--ascii", action="store_true", help="draw with plain ASCII")

    demo = command(commands, "demo", _demo, "this host as a node with generated activity, and the UI on it")
    demo.add_argument("--read-only", action="store_true", help="act on nothing")

    status = command(commands, "status", _status, "print one snapshot; exit code 1 when something is wrong")
    config_option(status)
    status.add_argument("--json", action="store_true", help="print one JSON document")
    status.add_argument("urls", metavar="URL", nargs="*", type=address, help="a node, for example http://host:8080")

    _logs_command(commands)
    cli_alerts.add_commands(commands, _alert, past=_moment, ahead=_coming)
    cli_clusters.add_commands(commands, _clusters)
    cli_dataproc.add_commands(commands, _dataproc)

    below = group(commands, "config", "look after configurations")
    check = command(below, "config check", _config_check, "list every problem of a configuration")
    check.add_argument("file", metavar="FILE", type=Path, help="a node.yaml or ui.yaml")
    check.add_argument("--kind", choices=("node", "ui"), help="what it is, when its keys do not tell")

    completion = command(commands, "completion", _completion, "print a completion script for a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")
    return parser


def _logs_command(commands: "Commands") -> None:
    logs = command(commands, "logs", _logs, "print lines of logs, and go on as they come; without a name list the logs")
    config_option(logs)
    nodes_option(logs)
    logs.add_argument("-n", "--lines", metavar="N", type=_count, help="the newest N lines of each log; 100")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    logs.add_argument("--grep", metavar="RE", help="only lines that match this regular expression")
    logs.add_argument("--exclude", metavar="RE", help="only lines that do not match this one")
    logs.add_argument("--severity", choices=("info", "warning", "error"), help="only lines at least so severe")
    logs.add_argument("--since", metavar="TIME", type=_moment, help="lines from this time on: 2h, 06:00, 2026-11-21")
    logs.add_argument("--time", choices=("none", "local", "utc"), default="none", help="put the time before each line")
    logs.add_argument("--json", action="store_true", help="print a JSON document for each line")
    logs.add_argument("names", metavar="NAME", nargs="*", help="a log, or NODE/LOG for the one of this node")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)


def _moment(text: str) -> "datetime":
    from datetime import UTC, datetime

    from ui.moments import parse_moment

    try:
        return parse_moment(text, datetime.now(UTC))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _coming(text: str) -> "datetime":
    from datetime import UTC, datetime

    from ui.moments import parse_ahead

    try:
        return parse_ahead(text, datetime.now(UTC))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _node(arguments: argparse.Namespace) -> int:
    file = arguments.config or existing(NODE_FILE)
    loaded = _read(file, partial(_load_node, read_only=arguments.read_only))
    if loaded is None:
        return USAGE
    if arguments.check:
        return _all_well(file, "node", loaded.warnings)
    from etlmon import logs

    settings = loaded.settings
    try:
        logs.set_up(level=settings.logging.level, format=settings.logging.format, file=settings.logging.file)
    except logs.LogFileError as error:
        return say(str(error), FAILED)
    _log_warnings(loaded.warnings)
    from node.daemon import main as run

    return run(settings, reload=partial(_reload_node, file, arguments.read_only) if file else None)


def _reload_node(file: Path, read_only: bool) -> "NodeSettings":
    """The settings as the file is now. Raises ConfigError."""
    loaded = _load_node(file, read_only=read_only)
    _log_warnings(loaded.warnings)
    return loaded.settings


def _log_warnings(warnings: "Sequence[Finding]") -> None:
    import logging

    for warning in warnings:
        logging.getLogger("etlmon.config").warning("%s", warning)


def _load_node(file: Path | None, *, read_only: bool = False) -> "Loaded[NodeSettings]":
    from msgspec.structs import replace

    from etlmon.config import load
    from node.checks import check
    from node.settings import PENDING, NodeSettings

    loaded = load(file, NodeSettings, env=os.environ, pending=PENDING, check=check)
    if not read_only:
        return loaded
    security = replace(loaded.settings.security, read_only=True)
    return dataclasses.replace(loaded, settings=replace(loaded.settings, security=security))


def _ui(arguments: argparse.Namespace) -> int:
    streams = (sys.stdin, sys.stdout, sys.stderr)  # Textual draws on standard error
    if os.environ.get("TERM", "dumb") == "dumb" or not all(stream.isatty() for stream in streams):
        return say("the UI needs a terminal; `etlmon status` prints a snapshot without one", FAILED)
    loaded = _read(arguments.config or existing(ui_file()), _load_whole_ui)
    if loaded is None:
        return USAGE
    from msgspec.structs import replace

    from etlmon import logs
    from ui.settings import NodeAddress

    settings = loaded.settings
    if arguments.node:
        nodes = tuple(NodeAddress(address=address) for address in dict.fromkeys(arguments.node))
        settings = replace(settings, nodes=nodes, ui=replace(settings.ui, default_node=""))
    if arguments.ascii:
        settings = replace(settings, ui=replace(settings.ui, ascii=True))
    logs.silence()
    from ui.app import run

    return run(settings, read_only=arguments.read_only)


def _load_ui(file: Path | None) -> "Loaded[UiSettings]":
    from etlmon.config import load
    from ui.settings import UiSettings, check

    return load(file, UiSettings, env=os.environ, check=check)


def _load_whole_ui(file: Path | None) -> "Loaded[UiSettings]":
    """As _load_ui(), and what only the screen knows: its themes and its keys."""
    from etlmon.config import load
    from ui.app import check
    from ui.settings import UiSettings

    return load(file, UiSettings, env=os.environ, check=check)


def _demo(arguments: argparse.Namespace) -> int:
    from etlmon.demo import main as run

    return run(arguments)


def _status(arguments: argparse.Namespace) -> int:
    nodes = _nodes(arguments.urls, arguments.config)
    if nodes is None:
        return USAGE
    from ui.status import print_status

    return print_status(list(nodes), names=nodes, as_json=arguments.json)


def _logs(arguments: argparse.Namespace) -> int:
    nodes = _nodes(arguments.node, arguments.config)
    if nodes is None:
        return USAGE
    from ui.log_lines import run

    return run(arguments, nodes)


def _alert(arguments: argparse.Namespace) -> int:
    nodes = _nodes(arguments.node, arguments.config)
    if nodes is None:
        return USAGE
    from ui.alert_command import run

    return run(arguments, nodes)


def _clusters(arguments: argparse.Namespace) -> int:
    nodes = _nodes(arguments.node, arguments.config)
    if nodes is None:
        return USAGE
    from ui.clusters_command import run

    return run(arguments, nodes)


def _dataproc(arguments: argparse.Namespace) -> int:
    nodes = _nodes(arguments.node, arguments.config)
    if nodes is None:
        return USAGE
    from ui.dataproc_command import run

    return run(arguments, nodes)


def _nodes(given: Sequence[str] | None, file: Path | None) -> dict[str, str] | None:
    """What each address is called, "" when nothing says so: those given, or those of ui.yaml; None when it is wrong."""
    if given:
        return dict.fromkeys(given, "")
    loaded = _read(file or existing(ui_file()), _load_ui)
    if loaded is None:
        return None
    from ui.settings import DEFAULT_ADDRESS

    return {node.address: node.name for node in loaded.settings.nodes} or {DEFAULT_ADDRESS: ""}


def _config_check(arguments: argparse.Namespace) -> int:
    kind = arguments.kind or _read(arguments.file, _kind)
    if kind is None:
        return USAGE
    loaded = _read(arguments.file, _load_node) if kind == "node" else _read(arguments.file, _load_whole_ui)
    return USAGE if loaded is None else _all_well(arguments.file, kind, loaded.warnings)


def _kind(file: Path) -> str:
    """Whether the file is a node's or a UI's configuration, by most of its keys; an empty file goes by its name."""
    from etlmon.config import sections
    from node.settings import NodeSettings
    from ui.settings import UiSettings

    keys = set(sections(file))
    if keys:
        of_ui, of_node = (len(keys & set(type_.__struct_fields__)) for type_ in (UiSettings, NodeSettings))
        return "ui" if of_ui and of_ui >= of_node else "node"
    return "ui" if file.name.startswith("ui") else "node"


def _completion(arguments: argparse.Namespace) -> int:
    from etlmon.completion import script

    print(script(arguments.shell, build_parser()), end="")
    return 0


def _read(file: F, load: Callable[[F], L]) -> L | None:
    """What `load` makes of the file; None when the user was told what is wrong with it."""
    from etlmon.config import ConfigError

    try:
        return load(file)
    except ConfigError as error:
        count = len(error.findings)
        print(error, file=sys.stderr)
        say(f"{count} problem{'' if count == 1 else 's'} in the configuration", USAGE)
        return None


def _all_well(file: Path | None, kind: str, warnings: "Sequence[Finding]") -> int:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{file or 'no file'}: fine as a {kind} configuration")
    return 0
