"""What is wrong with a configuration, each problem with the place it stands in."""

from collections.abc import Iterable
from dataclasses import dataclass

from etlmon.clean import clean


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `line` is 1-based; None when the problem has no line (a missing file, an environment variable)."""

    file: str
    line: int | None
    key_path: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return clean(": ".join(part for part in (place, self.key_path, self.message) if part))


class ConfigError(Exception):
    """The configuration can not be used; `findings` holds every reason, in the order of the file."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        # An alias makes one mistake appear at several keys: those are told apart, true doubles are not repeated.
        unique = dict.fromkeys(findings)
        self.findings = sorted(unique, key=lambda finding: (finding.file, finding.line or 0))
        super().__init__("\n".join(map(str, self.findings)))
