"""A YAML file to a tree that knows its lines. Nothing in the file is executed, and no alias can make it explode."""

import errno
import os
import re
import stat
from pathlib import Path

import yaml

from etlmon.config.findings import ConfigError, Finding
from etlmon.config.tree import Entry, Mapping, Place, Scalar, Sequence, Tree, is_null, join

LARGEST_BYTES = 1024 * 1024
MOST_VALUES = 100_000
DEEPEST = 50

_YAML = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset(
    _YAML + name for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


def read_document(path: Path) -> tuple[Mapping, list[Finding]]:
    """The file's tree, and what is wrong with it short of being unreadable.

    Raises ConfigError when there is no tree at all: no such file, not UTF-8, no YAML, too large.
    """
    file = str(path)
    return parse_document(_decode(_read(path), file), file)


def parse_document(text: str, file: str) -> tuple[Mapping, list[Finding]]:
    """The same for text that was read already; `file` is the name in messages."""
    node = _compose(text, file)
    if node is None:
        return Mapping(Place(file, 1)), []
    builder = _Builder(file)
    tree = builder.build(node, "", 0)
    if is_null(tree):
        return Mapping(tree.place), builder.findings
    if not isinstance(tree, Mapping):
        raise ConfigError(
            [*builder.findings, Finding(file, 1, "", "the file holds no keys; write for example `node:`")]
        )
    return tree, builder.findings


def read_regular(path: Path, limit: int) -> bytes:
    """At most `limit` + 1 bytes of a regular file.

    Raises OSError; a pipe or a device, on which a read could wait for ever, is one of its reasons.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read(limit + 1)


def not_text(value: str) -> str | None:
    """Why no file name or other text may look like this, or None when it may."""
    if _NOT_TEXT.search(value):
        return "holds what can not stand in text: a NUL, half a surrogate pair or bytes that are not UTF-8"
    return None


def reason(error: OSError) -> str:
    """Why a file could not be read, in words with what to do."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a directory; name a file"
    if isinstance(error, PermissionError):
        return f"user id {os.geteuid()} may not read it; change its owner or mode"
    return error.strerror or type(error).__name__


def _read(path: Path) -> bytes:
    try:
        raw = read_regular(path, LARGEST_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise ConfigError([Finding(str(path), None, "", f"can not be read: {why}")]) from error
    if len(raw) > LARGEST_BYTES:
        raise ConfigError([Finding(str(path), None, "", "is larger than 1 MiB: this is no configuration of etlmon")])
    return raw


def _decode(raw: bytes, file: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ConfigError([Finding(file, line, "", message)]) from error


def _compose(text: str, file: str) -> yaml.Node | None:
    # The loader in C is faster, and ends the process on deeply nested brackets.
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError([Finding(file, mark.line + 1 if mark else None, "", _syntax(error))]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"the character U+{ord(text[error.position]):04X} may not stand in YAML; remove it"
        raise ConfigError([Finding(file, line, "", message)]) from error
    except RecursionError as error:
        raise ConfigError([Finding(file, None, "", "is nested too deeply to be read")]) from error
    except (ValueError, OverflowError) as error:  # an escape beyond Unicode, a directive with an absurd number
        raise ConfigError([Finding(file, None, "", f"is not YAML: {error}")]) from error


def _syntax(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or str(error.context)
    if "'\\t'" in problem:
        return "is not YAML: a tab stands where only spaces may; indent with spaces"
    if "mapping values are not allowed" in problem:
        return "is not YAML: a second `: ` in one line, or a wrong indentation; put text that holds `: ` in quotes"
    if "single document" in str(error.context):
        return "is not one document: `---` may stand only once, before everything else"
    context = f" ({error.context})" if error.context else ""
    return f"is not YAML: {problem}{context}; check the indentation, brackets and quotes here and just above"


class _Builder:
    """Nodes of PyYAML to our tree: merge keys resolved, duplicate keys and foreign tags found, aliases counted."""

    def __init__(self, file: str) -> None:
        self.findings: list[Finding] = []
        self._file = file
        self._values = 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, path: str, depth: int) -> Tree:
        """The tree of one node. Raises ConfigError when there is no end to it."""
        place = self._place(node)
        self._values += 1
        if self._values > MOST_VALUES:
            self._fail(place, path, f"holds more than {MOST_VALUES:,} values, aliases written out")
        if depth > DEEPEST:
            self._fail(place, path, f"is nested more than {DEEPEST} levels deep")
        if id(node) in self._open:
            self._fail(place, path, "holds an alias of itself")
        self._open.add(id(node))
        try:
            return self._build(node, place, path, depth)
        finally:
            self._open.discard(id(node))

    def _build(self, node: yaml.Node, place: Place, path: str, depth: int) -> Tree:
        if isinstance(node, yaml.ScalarNode):
            if node.tag not in _SCALAR_TAGS:
                self._find(place, path, f"the tag {node.tag} means nothing here; remove it")
            if problem := not_text(node.value):
                self._find(place, path, problem)
            return Scalar(node.value, node.style is not None, place)
        if node.tag not in {_YAML + "seq", _YAML + "map"}:
            self._find(place, path, f"the tag {node.tag} means nothing here; remove it")
        if isinstance(node, yaml.SequenceNode):
            items = [self.build(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value)]
            return Sequence(place, items)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        raise TypeError(f"PyYAML made a node of an unknown kind: {node!r}")

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> Mapping:
        mapping = Mapping(self._place(node))
        merged: list[yaml.Node] = []
        first: dict[str, Place] = {}
        for key_node, value in node.value:
            if key_node.tag == _YAML + "merge":
                merged.extend(value.value if isinstance(value, yaml.SequenceNode) else [value])
                continue
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            place = self._place(key_node)
            if key is None:
                self._find(place, path, "a key must be text, not a list or a mapping")
            elif key in first:
                message = f"stands twice, first in line {first[key].line}; remove one of them"
                self._find(place, join(path, key), message)
            else:
                first[key] = place
                mapping.entries[key] = Entry(place, self.build(value, join(path, key), depth + 1))
        for source in merged:
            self._merge(mapping, source, path, depth)
        return mapping

    def _merge(self, mapping: Mapping, source: yaml.Node, path: str, depth: int) -> None:
        # The mapping's own keys win over merged ones, and an earlier source over a later (YAML 1.1, merge key type).
        tree = self.build(source, path, depth + 1)
        if not isinstance(tree, Mapping):
            self._find(tree.place, path, "`<<` takes a mapping or a list of mappings, usually an alias such as *common")
            return
        for key, entry in tree.entries.items():
            mapping.entries.setdefault(key, entry)

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._file, node.start_mark.line + 1)

    def _find(self, place: Place, path: str, message: str) -> None:
        self.findings.append(Finding(place.file, place.line, path, message))

    def _fail(self, place: Place, path: str, message: str) -> None:
        self._find(place, path, message)
        raise ConfigError(self.findings)
