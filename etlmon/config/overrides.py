"""`ETLMON_NODE__LISTEN=...`: a setting from the environment, put over what the file says."""

from collections.abc import Iterator, Mapping
from functools import partial

from msgspec import inspect

from etlmon.config import tree
from etlmon.config.document import not_text
from etlmon.config.findings import Finding
from etlmon.config.words import did_you_mean

PREFIX = "ETLMON_"
SEPARATOR = "__"


def apply_overrides(root: tree.Mapping, type_: inspect.StructType, env: Mapping[str, str]) -> Iterator[Finding]:
    """Put each variable that names a setting into the tree; yields the ones that name none.

    Only names that begin with `ETLMON_`, a section and two underscores count: the environment holds others.
    """
    names = {field.name for field in type_.fields}
    for variable in sorted(env):
        keys = variable.removeprefix(PREFIX).lower().split(SEPARATOR)
        if variable.startswith(PREFIX) and len(keys) > 1 and keys[0] in names:
            problem = _problem(type_, keys) or not_text(env[variable])
            if problem is None:
                _put(root, keys, tree.Scalar(env[variable], quoted=False, place=tree.Place(variable)))
            else:
                yield Finding(variable, None, "", problem)


def _problem(type_: inspect.Type, keys: list[str]) -> str | None:
    """Why these keys do not lead to one value, or None when they do."""
    for index, key in enumerate(keys):
        above = _variable(*keys[:index])
        match type_:
            case inspect.StructType(fields=fields):
                known = {field.name: field.type for field in fields}
                if key not in known:
                    return "names no setting" + did_you_mean(key, list(known), partial(_variable, *keys[:index]))
                type_ = known[key]
            case inspect.DictType(value_type=value):
                type_ = value
            case inspect.AnyType():
                return None
            case _:
                if isinstance(type_, inspect.ListType | inspect.VarTupleType):
                    return "names an item of a list; lists are set in the file alone"
                return f"names no setting; did you mean {above}?"
    return _not_one_value(type_, _variable(*keys))


def _variable(*keys: str) -> str:
    return PREFIX + SEPARATOR.join(keys).upper()


def _not_one_value(type_: inspect.Type, name: str) -> str | None:
    if isinstance(type_, inspect.ListType | inspect.VarTupleType):
        return "names a list; lists are set in the file alone"
    if isinstance(type_, inspect.StructType):
        first = type_.fields[0].name.upper()
        return f"names a group of settings; name one of them, for example {name}{SEPARATOR}{first}"
    if isinstance(type_, inspect.DictType):
        return f"names a group of settings; name one of them: {name}{SEPARATOR}..."
    return None


def _put(root: tree.Mapping, keys: list[str], value: tree.Scalar) -> None:
    mapping = root
    for key in keys[:-1]:
        entry = mapping.entries.get(key)
        if entry is None or tree.is_null(entry.value):
            entry = mapping.entries[key] = tree.Entry(value.place, tree.Mapping(value.place))
        if not isinstance(entry.value, tree.Mapping):
            return  # the file says something impossible here, and that is a finding of its own
        mapping = entry.value
    mapping.entries[keys[-1]] = tree.Entry(value.place, value)
