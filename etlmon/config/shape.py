"""A tree to settings: every value checked against the type of its key, and every problem kept."""

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from etlmon.config import tree
from etlmon.config.findings import Finding
from etlmon.config.references import expand, has_reference
from etlmon.config.words import closest, describe, did_you_mean, some, with_article

_INTEGER = re.compile(r"[-+]?\d+(_\d+)*")
_NUMBER = re.compile(r"[-+]?(\d+(_\d+)*(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_LONGEST_NUMBER = 30

INVALID: Any = object()
"""Stands for a value with a finding: the setting keeps its default so that the rest can be looked at, too."""


class Shape:
    """Reads trees as settings; `findings` and `warnings` grow with what is wrong and what is odd.

    `pending` holds the key paths that load with a warning, because nothing reads them yet.
    """

    def __init__(self, env: Mapping[str, str], pending: Collection[str]) -> None:
        self.findings: list[Finding] = []
        self.warnings: list[Finding] = []
        self._env = env
        self._pending = pending

    def read(self, value: tree.Tree, type_: inspect.Type, path: str, base: Any = None) -> Any:
        """The value as that type, or INVALID with a finding. A mapping leaves what it does not name as in `base`."""
        match type_:
            case inspect.StructType():
                return self._struct(value, type_, path, base)
            case inspect.ListType(item_type=item):
                return self._items(value, type_, item, path)
            case inspect.VarTupleType(item_type=item):
                items = self._items(value, type_, item, path)
                return items if items is INVALID else tuple(items)
            case inspect.DictType(value_type=inner):
                return self._dict(value, type_, inner, path)
            case inspect.AnyType():
                return _plain(value)
            case inspect.UnionType():
                return None if tree.is_null(value) else self.read(value, some(type_), path)
            case inspect.Metadata(type=inner) if not isinstance(inner, inspect.StrType):
                return self.read(value, inner, path)
            case _:
                return self._scalar(value, type_, path)

    def _struct(self, value: tree.Tree, type_: inspect.StructType, path: str, base: Any) -> Any:
        if tree.is_null(value):
            value = tree.Mapping(value.place)
        if not isinstance(value, tree.Mapping):
            return self._mismatch(value, type_, path)
        known = {field.encode_name: field for field in type_.fields}
        read: dict[str, Any] = {}
        for key, entry in value.entries.items():
            below = tree.join(path, key)
            if key not in known:
                self._find(entry.key_place, below, "unknown key" + _suggest(key, type_))
            elif not tree.is_null(entry.value) or _takes_null(known[key]):
                read[key] = self.read(entry.value, known[key].type, below, known[key].default)
                self._note_pending(entry, below)
        valid = {known[key].name: inner for key, inner in read.items() if inner is not INVALID}
        if isinstance(base, msgspec.Struct):
            return msgspec.structs.replace(base, **valid)
        required = [field for field in type_.fields if field.required]
        for field in required:
            if field.encode_name not in read:
                self._find(value.place, tree.join(path, field.encode_name), "is missing here and has no default")
        return type_.cls(**valid) if valid.keys() >= {field.name for field in required} else INVALID

    def _items(self, value: tree.Tree, type_: inspect.Type, item: inspect.Type, path: str) -> Any:
        if not isinstance(value, tree.Sequence):
            return self._mismatch(value, type_, path)
        items = [self.read(inner, item, f"{path}[{index}]") for index, inner in enumerate(value.items)]
        return INVALID if any(inner is INVALID for inner in items) else items

    def _dict(self, value: tree.Tree, type_: inspect.Type, inner: inspect.Type, path: str) -> Any:
        if not isinstance(value, tree.Mapping):
            return self._mismatch(value, type_, path)
        read = {key: self.read(entry.value, inner, tree.join(path, key)) for key, entry in value.entries.items()}
        return INVALID if any(item is INVALID for item in read.values()) else read

    def _scalar(self, value: tree.Tree, type_: inspect.Type, path: str) -> Any:
        if not isinstance(value, tree.Scalar) or tree.is_null(value):
            return self._mismatch(value, type_, path)
        problems: list[str] = []
        text, quoted, shown = value.text, value.quoted, tree.shown(value)
        if has_reference(text):
            text = expand(text, self._env, problems.append)
            # It was quoted for the braces, not to make a text of a number; and it may be a secret.
            quoted, shown = False, f"what stands behind {shown}"
        for problem in problems:
            self._find(value.place, path, problem)
        if problems:
            return INVALID
        read = convert(text, type_, quoted=quoted)
        if read is INVALID:
            hint = "; take the quotes away" if quoted and convert(text, type_, quoted=False) is not INVALID else ""
            return self._mismatch(value, type_, path, shown, hint)
        return read

    def _mismatch(self, value: tree.Tree, type_: inspect.Type, path: str, shown: str = "", hint: str = "") -> Any:
        expected = getattr(getattr(type_, "cls", None), "expected", None) or with_article(describe(type_))
        if not hint and isinstance(type_, inspect.LiteralType) and isinstance(value, tree.Scalar):
            meant = closest(value.text, [str(choice) for choice in type_.values])
            hint = f"; did you mean {meant}?" if meant else ""
        elif not hint and isinstance(type_, inspect.ListType | inspect.VarTupleType):
            hint = "; write [a, b], or each item in a line of its own after `- `"
        self._find(value.place, path, f"{shown or tree.shown(value)} is not {expected}{hint}")
        return INVALID

    def _note_pending(self, entry: tree.Entry, path: str) -> None:
        if path in self._pending and not tree.is_blank(entry.value):
            message = "has no effect in this version"
            if path.startswith("security."):
                message += ": it does NOT protect this node"
            self.warnings.append(Finding(entry.key_place.file, entry.key_place.line, path, message))

    def _find(self, place: tree.Place, path: str, message: str) -> None:
        self.findings.append(Finding(place.file, place.line, path, message))


def convert(text: str, type_: inspect.Type, *, quoted: bool) -> Any:
    """One text as a number, truth value, choice, duration, size or text; INVALID when it is none."""
    match type_:
        case inspect.Metadata(type=inner):
            return convert(text, inner, quoted=quoted)
        case inspect.StrType():
            return text if _fits_text(text, type_) else INVALID
        case inspect.LiteralType(values=values):
            return text if text in values else INVALID
        case inspect.CustomType(cls=cls):
            try:
                return cls.parse(text)  # type: ignore[attr-defined]
            except ValueError:
                return INVALID
        case inspect.BoolType():
            return INVALID if quoted else _TRUTH.get(text.lower(), INVALID)
        case inspect.IntType():
            whole = _INTEGER.fullmatch(text) if not quoted and len(text) <= _LONGEST_NUMBER else None
            return int(text) if whole and _in_range(int(text), type_) else INVALID
        case inspect.FloatType():
            number = _NUMBER.fullmatch(text) if not quoted and len(text) <= _LONGEST_NUMBER else None
            return float(text) if number and _in_range(float(text), type_) else INVALID
        case _:
            raise TypeError(f"a setting can not be of type {type_}")


def _fits_text(text: str, type_: inspect.StrType) -> bool:
    if type_.pattern is not None and not re.search(type_.pattern, text):
        return False
    return (type_.min_length or 0) <= len(text) <= (math.inf if type_.max_length is None else type_.max_length)


def _in_range(number: float, type_: inspect.IntType | inspect.FloatType) -> bool:
    if not math.isfinite(number):
        return False
    return (type_.ge is None or number >= type_.ge) and (type_.le is None or number <= type_.le)


def _takes_null(field: inspect.Field) -> bool:
    """Whether null is a value of its own. Elsewhere a key with nothing behind it counts as not written."""
    return isinstance(field.type, inspect.UnionType)


def _suggest(key: str, type_: inspect.StructType) -> str:
    """The key that was meant: a neighbour, or one that belongs into a section."""
    known = [field.encode_name for field in type_.fields]
    if closest(key, known) is None:
        for field in type_.fields:
            if isinstance(field.type, inspect.StructType) and key in {inner.encode_name for inner in field.type.fields}:
                return f"; did you mean {field.encode_name}.{key}?"
    return did_you_mean(key, known)


def _plain(value: tree.Tree) -> Any:
    """A value nothing reads yet, as it stands; references in it are left alone."""
    match value:
        case tree.Mapping(entries=entries):
            return {key: _plain(entry.value) for key, entry in entries.items()}
        case tree.Sequence(items=items):
            return [_plain(item) for item in items]
        case tree.Scalar(text=text, quoted=quoted) if not quoted:
            if tree.is_null(value):
                return None
            for type_ in (bool, int, float):
                read = convert(text, inspect.type_info(type_), quoted=False)
                if read is not INVALID:
                    return read
            return text
        case _:
            return value.text


def settings_type(type_: type[msgspec.Struct]) -> inspect.StructType:
    """The description of a settings struct that read() works by."""
    info = inspect.type_info(type_)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{type_} is no struct")
    return info
