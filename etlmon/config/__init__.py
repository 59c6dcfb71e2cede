"""YAML to settings: a file, the environment, and every problem at once with its file, line and key.

A setting is what the environment says (`ETLMON_NODE__LISTEN=...`), else what the file says, else its default. Text may
hold `${ENV}` and `${file:/path}`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from etlmon.config import tree
from etlmon.config.document import read_document
from etlmon.config.findings import ConfigError, Finding
from etlmon.config.overrides import apply_overrides
from etlmon.config.shape import Shape, settings_type

__all__ = ["ConfigError", "Finding", "Loaded", "load", "sections"]

S = TypeVar("S", bound=msgspec.Struct)

NO_FILE = "no file"


@dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """The settings, and what in the file is odd but harmless."""

    settings: S
    warnings: list[Finding]


def load(
    path: Path | None,
    type_: type[S],
    *,
    env: Mapping[str, str],
    pending: Collection[str] = (),
    check: Callable[[S], Iterable[tuple[str, str]]] | None = None,
) -> Loaded[S]:
    """The settings of a file; without one the defaults, with what the environment overrides.

    `pending` are key paths (`logs`, `security.tls`) that load with a warning. `check` looks at the whole: it yields
    (key path, message) for values that do not go together. Raises ConfigError with all problems.
    """
    info = settings_type(type_)
    root, findings = read_document(path) if path else (tree.Mapping(tree.Place(NO_FILE)), [])
    findings.extend(apply_overrides(root, info, env))
    shape = Shape(env, pending)
    settings = shape.read(root, info, "")
    findings.extend(shape.findings)
    if check is not None and isinstance(settings, type_):
        findings.extend(_cross_findings(root, check(settings), findings))
    if findings:
        raise ConfigError(findings)
    return Loaded(settings, shape.warnings)


def sections(path: Path) -> list[str]:
    """The keys at the top of a file, to tell what kind of configuration it is. Raises ConfigError."""
    return list(read_document(path)[0].entries)


def _cross_findings(
    root: tree.Mapping, problems: Iterable[tuple[str, str]], findings: Collection[Finding]
) -> Iterable[Finding]:
    # Where a value of the same mapping is wrong, a default stands in for it, and what does not fit it is no news.
    spoilt = {_parent(finding.key_path) for finding in findings}
    for key_path, message in list(problems):
        if _parent(key_path) not in spoilt:
            place = tree.locate(root, key_path)
            yield Finding(place.file, place.line, key_path, message)


def _parent(key_path: str) -> str:
    return key_path.rpartition(".")[0]
