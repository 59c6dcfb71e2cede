"""Completion scripts for shells, made from the very parser that reads the command line: they can not drift apart."""

import argparse
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PROGRAM = "etlmon"


@dataclass(frozen=True, slots=True)
class Option:
    """`-c`, `--config`: its names, its value (FILE, URL ...; "" when it takes none), the choices there, its help."""

    names: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Command:
    """One (sub)command: the words that lead to it, and what may follow: commands, options, and its own arguments."""

    words: tuple[str, ...]
    help: str
    commands: "tuple[Command, ...]"
    options: tuple[Option, ...]
    value: str
    choices: tuple[str, ...]

    def walk(self) -> "Iterator[Command]":
        """This command and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def describe(parser: argparse.ArgumentParser, words: tuple[str, ...] = (), about: str = "") -> Command:
    """The parser as a tree of commands."""
    commands: list[Command] = []
    options: list[Option] = []
    value = ""
    choices: tuple[str, ...] = ()
    for action in parser._actions:  # argparse offers no public way to look into a parser
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            commands += [describe(sub, (*words, name), helps.get(name, "")) for name, sub in action.choices.items()]
        elif action.option_strings:
            options.append(_option(action))
        else:
            value, choices = _kind(action), tuple(map(str, action.choices or ()))
    return Command(words, about, tuple(commands), tuple(options), value, choices)


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The script for `bash`, `zsh` or `fish`."""
    writers: dict[str, Callable[[Command], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return writers[shell](describe(parser, (PROGRAM,)))


def _option(action: argparse.Action) -> Option:
    takes_value = action.nargs != 0
    choices = tuple(map(str, action.choices or ()))
    return Option(tuple(action.option_strings), _kind(action) if takes_value else "", choices, action.help or "")


def _kind(action: argparse.Action) -> str:
    return str(action.metavar or action.dest).upper()


def _path(command: Command) -> str:
    return "/".join(command.words)


def _bash(root: Command) -> str:
    below = " | ".join(_path(command) for command in list(root.walk())[1:])
    values = [_bash_value(command, option) for command in root.walk() for option in command.options if option.value]
    words = [_bash_words(command) for command in root.walk()]
    return f"""\
# bash completion for etlmon; to load it: source <(etlmon completion bash)
_etlmon() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} command=etlmon i
    if [[ $cur == "=" ]]; then
        cur=
    elif [[ $prev == "=" ]]; then
        prev=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case $command/${{COMP_WORDS[i]}} in
            {below}) command+=/${{COMP_WORDS[i]}} ;;
        esac
    done
    COMPREPLY=()
    case "$command $prev" in
{"".join(values)}    esac
    case $command in
{"".join(words)}    esac
}}
_etlmon_files() {{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}}
_etlmon_words() {{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}}
complete -F _etlmon etlmon
"""


def _bash_value(command: Command, option: Option) -> str:
    pattern = " | ".join(f'"{_path(command)} {name}"' for name in option.names)
    offer = _bash_offer(option.value, option.choices)
    return f"        {pattern})\n            {offer}\n            return\n            ;;\n"


def _bash_words(command: Command) -> str:
    options = " ".join(name for option in command.options for name in option.names)
    names = tuple(below.words[-1] for below in command.commands) or command.choices
    offer = _bash_offer(command.value, names)
    return f"""\
        {_path(command)})
            if [[ $cur == -* ]]; then
                _etlmon_words {shlex.quote(options)} "$cur"
            else
                {offer}
            fi
            ;;
"""


def _bash_offer(value: str, choices: tuple[str, ...]) -> str:
    if choices:
        return f'_etlmon_words {shlex.quote(" ".join(choices))} "$cur"'
    return '_etlmon_files "$cur"' if value == "FILE" else ":"


def _zsh(root: Command) -> str:
    functions = "\n".join(map(_zsh_function, root.walk()))
    return f"""\
#compdef etlmon
# zsh completion for etlmon; to load it: source <(etlmon completion zsh)
{functions}
if [[ ${{funcstack[1]}} == _etlmon ]]; then
    _etlmon "$@"
else
    compdef _etlmon etlmon
fi
"""


def _zsh_function(command: Command) -> str:
    name = "_" + "_".join(command.words)
    arguments = [_zsh_option(option) for option in command.options]
    if not command.commands:
        if command.value:
            # URLs and names may be given again and again; so may nothing else.
            often = "*" if command.value in ("URL", "NAME") else "1"
            arguments.append(
                shlex.quote(f"{often}:{command.value.lower()}:{_zsh_values(command.value, command.choices)}")
            )
        lines = " \\\n        ".join(arguments)
        return f"{name}() {{\n    _arguments \\\n        {lines}\n}}\n"
    lines = " \\\n        ".join([*arguments, "'1: :->command'", "'*:: :->rest'"])
    names = "\n            ".join(shlex.quote(f"{c.words[-1]}:{_zsh_text(c.help)}") for c in command.commands)
    cases = "\n                ".join(f"{c.words[-1]}) _{'_'.join(c.words)} ;;" for c in command.commands)
    return f"""\
{name}() {{
    local curcontext=$curcontext state line
    typeset -A opt_args
    _arguments -C \\
        {lines}
    case $state in
        command)
            local -a commands=(
            {names}
            )
            _describe command commands
            ;;
        rest)
            case $words[1] in
                {cases}
            esac
            ;;
    esac
}}
"""


def _zsh_option(option: Option) -> str:
    names = option.names[0] if len(option.names) == 1 else f"{{{','.join(option.names)}}}"
    value = f":{option.value.lower()}:{_zsh_values(option.value, option.choices)}" if option.value else ""
    rest = shlex.quote(f"[{_zsh_text(option.help)}]{value}")
    # -n and --node may stand often; the others exclude themselves.
    often = "'*'" if option.value == "URL" else shlex.quote(f"({' '.join(option.names)})")
    return f"{often}{names}{rest}"


def _zsh_values(value: str, choices: tuple[str, ...]) -> str:
    # Where nothing can be offered the list is empty: with a message instead, zsh would no longer insert options.
    return "_files" if value == "FILE" else f"({' '.join(choices)})"


def _zsh_text(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def _fish(root: Command) -> str:
    below = " ".join(_path(command) for command in list(root.walk())[1:])
    lines = [line for command in root.walk() for line in _fish_lines(command)]
    return (
        f"""\
# fish completion for etlmon; to load it: etlmon completion fish | source
function __etlmon_at
    set -l path etlmon
    for word in (commandline -opc)[2..]
        if contains -- $path/$word {below}
            set path $path/$word
        end
    end
    test $path = $argv[1]
end
complete -c etlmon -f
"""
        + "\n".join(lines)
        + "\n"
    )


def _fish_lines(command: Command) -> Iterator[str]:
    start = f"complete -c etlmon -n '__etlmon_at {_path(command)}'"
    for below in command.commands:
        yield f"{start} -a {below.words[-1]} -d {_fish_text(below.help)}"
    for option in command.options:
        names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
        yield f"{start} {names}{_fish_option_value(option)} -d {_fish_text(option.help)}"
    if command.choices or command.value == "FILE":
        yield start + (f" -a {_fish_text(' '.join(command.choices))}" if command.choices else " -F")


def _fish_option_value(option: Option) -> str:
    if option.choices:
        return f" -x -a {_fish_text(' '.join(option.choices))}"
    if option.value == "FILE":
        return " -r -F"
    return " -x" if option.value else ""


def _fish_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
