"""Unit files of systemd with their drop-ins, as far as timers and what they start need them (systemd.syntax(7))."""

import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from node.sources.file_reader import FileReader, Names, Seen

TIMES = ("OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnCalendar")
"""What makes a timer elapse. One of them with nothing behind it takes back all of them, systemd.timer(5)."""

_WANTED = (".wants", ".requires", ".upholds")
_TIMER = re.compile(r"[A-Za-z0-9:_.\\@-]{1,249}\.timer")
_LINE_END = re.compile(r"\r?\n")
_SPECIFIER = re.compile(r"%(.)")
_UNREADABLE = "{path}: {reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit as its files say it: `settings` has each key's values, those of its drop-ins included."""

    name: str
    path: str = ""
    """Its unit file; "" when it has none."""
    settings: Mapping[tuple[str, str], Sequence[str]]
    times: Sequence[tuple[str, str]] = ()
    """Of a timer, in their order: key and value."""
    masked: bool = False
    enabled: bool = False
    """Something that is started with the system wants it."""
    reason: str | None = None
    """Why its file could not be read."""

    def last(self, section: str, key: str) -> str:
        """The value that counts where only one may; "" when there is none."""
        return next(reversed(self.settings.get((section, key), ("",))), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFolders:
    """The names in every directory where systemd looks for units, the one that counts most first."""

    names: Mapping[str, frozenset[str]]
    wanted: frozenset[str]
    """What something that is started with the system wants."""
    reasons: Sequence[str] = ()
    """Directories that could not be listed, and why."""

    def path_of(self, unit: str) -> str:
        """The file of a unit, or the template that it is made from; "" when there is none."""
        for name in dict.fromkeys((unit, template_of(unit) or unit)):
            for folder, names in self.names.items():
                if name in names:
                    return f"{folder}/{name}"
        return ""

    def drop_in_folders(self, unit: str) -> list[str]:
        """Where drop-ins of a unit lie, the one that counts most first."""
        wanted = [f"{name}.d" for name in _drop_in_names(unit)]
        return [f"{folder}/{name}" for name in wanted for folder, names in self.names.items() if name in names]


async def list_folders(folders: Sequence[str], reader: FileReader) -> UnitFolders:
    """Look at all names. Raises OSError: there is no child to look."""
    found = await reader.names(folders)
    names = {folder: frozenset(listed.names) for folder, listed in found.items()}
    wants = [f"{folder}/{name}" for folder, inside in names.items() for name in inside if name.endswith(_WANTED)]
    wanted = {name for listed in (await reader.names(wants)).values() for name in listed.names}
    reasons = [
        f"{folder}: {listed.reason}"
        for folder, listed in found.items()
        if listed.reason is not None and not listed.is_missing
    ]
    return UnitFolders(names=names, wanted=frozenset(wanted), reasons=reasons)


def timers_in(folders: UnitFolders) -> list[str]:
    """The timers that have a file, and those made from a template that something wants; templates are none."""
    names = {name for inside in folders.names.values() for name in inside} | folders.wanted
    return sorted(name for name in names if _TIMER.fullmatch(name) and not name.endswith("@.timer"))


async def read_units(
    names: Iterable[str], folders: UnitFolders, reader: FileReader, known: Mapping[str, Seen]
) -> tuple[dict[str, Unit], dict[str, Seen]]:
    """The units of these names, and the files they were read from; what is as it was `known` is not read again.

    Raises OSError: there is no child to look.
    """
    wanted = {name: folders.path_of(name) for name in names}
    inside = {name: folders.drop_in_folders(name) for name in wanted}
    listed = await reader.names(folder for each in inside.values() for folder in each)
    drop_ins = {name: _drop_ins(each, listed) for name, each in inside.items()}
    paths = [path for path in wanted.values() if path] + [path for each in drop_ins.values() for path in each]
    seen = await reader.reread(paths, known)
    units = {name: _unit(name, path, drop_ins[name], seen, folders.wanted) for name, path in wanted.items()}
    return units, seen


def parse_unit(text: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of each setting."""
    section = ""
    for line in _joined(text):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line:
            key, _, value = line.partition("=")
            yield section, key.rstrip(), value.lstrip()


def template_of(unit: str) -> str | None:
    """`a@.timer` of `a@b.timer`; None for what is made from no template."""
    stem, dot, kind = unit.rpartition(".")
    prefix, at, instance = stem.partition("@")
    return f"{prefix}@{dot}{kind}" if at and instance else None


def _joined(text: str) -> Iterator[str]:
    """The lines: a backslash at the end joins the next one, and comments between them are left out."""
    pending = ""
    for raw in _LINE_END.split(text):
        line = raw.strip()
        if line.startswith(("#", ";")) or (not line and not pending):
            continue
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        yield (pending + line).strip()
        pending = ""
    if pending:
        yield pending.strip()


def _drop_in_names(unit: str) -> Iterator[str]:
    """The unit itself, its template, each prefix that ends with a dash, and its kind: systemd.unit(5)."""
    stem, _, kind = unit.rpartition(".")
    yield unit
    if template := template_of(unit):
        yield template
    plain = stem.partition("@")[0]
    for end in range(len(plain) - 1, 0, -1):
        if plain[end - 1] == "-":
            yield f"{plain[:end]}.{kind}"
    yield kind


def _drop_ins(folders: Sequence[str], listed: Mapping[str, Names]) -> list[str]:
    """The paths in the order in which they count; of the same name that in the first folder."""
    chosen: dict[str, str] = {}
    for folder in folders:
        for name in listed[folder].names:
            if name.endswith(".conf"):
                chosen.setdefault(name, f"{folder}/{name}")
    return [chosen[name] for name in sorted(chosen)]


def _unit(name: str, path: str, drop_ins: Sequence[str], seen: Mapping[str, Seen], wanted: frozenset[str]) -> Unit:
    settings: dict[tuple[str, str], list[str]] = {}
    times: list[tuple[str, str]] = []
    reason = None
    for file in [*([path] if path else []), *drop_ins]:
        found = seen[file]
        if found.data is None and not _leads_to_null(found):
            reason = reason or _UNREADABLE.format(path=file, reason=found.reason or "it is no regular file")
            continue
        for section, key, value in parse_unit((found.data or b"").decode("utf-8", "surrogateescape")):
            _set(settings, times, section, key, _expanded(value, name))
    is_masked = path != "" and (_leads_to_null(seen[path]) or seen[path].data == b"")
    return Unit(
        name=name,
        path=path,
        settings=settings,
        times=times,
        masked=is_masked,
        enabled=name in wanted,
        reason=reason,
    )


def _set(
    settings: dict[tuple[str, str], list[str]], times: list[tuple[str, str]], section: str, key: str, value: str
) -> None:
    if section == "Timer" and key in TIMES:
        if value:
            times.append((key, value))
        else:
            times.clear()
    elif value:
        settings.setdefault((section, key), []).append(value)
    else:
        settings.pop((section, key), None)


def _leads_to_null(seen: Seen) -> bool:
    return seen.status is not None and stat.S_ISCHR(seen.status.mode)


def _expanded(value: str, unit: str) -> str:
    """With the parts of the unit's own name in it; other specifiers stand as they are."""
    stem = unit.rpartition(".")[0]
    prefix, _, instance = stem.partition("@")
    parts = {"n": unit, "N": stem, "p": prefix, "P": prefix, "i": instance, "I": instance, "%": "%"}
    return _SPECIFIER.sub(lambda found: parts.get(found[1], found[0]), value) if "%" in value else value
