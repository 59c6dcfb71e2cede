"""What a setting's type is called, in messages and in the reference of all keys."""

import difflib
from collections.abc import Callable, Collection

from msgspec import inspect


def describe(type_: inspect.Type) -> str:
    """A noun phrase without an article: `duration`, `number from 0 to 100`, `list of text`."""
    match type_:
        case inspect.Metadata(type=inner, extra_json_schema=schema):
            return str((schema or {}).get("description") or describe(inner))
        case inspect.UnionType():
            return describe(some(type_))
        case inspect.CustomType(cls=cls):
            return str(cls.__name__).lower()
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "whole number" + _range(type_)
        case inspect.FloatType():
            return "number" + _range(type_)
        case inspect.StrType(min_length=at_least, max_length=at_most):
            if at_most is not None:
                return f"text of {at_least or 0} to {at_most} characters"
            return "text that is not empty" if at_least else "text"
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(map(str, values))
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return "list" if isinstance(item, inspect.AnyType) else f"list{_items(item)}"
        case inspect.DictType(value_type=value):
            return "mapping" if isinstance(value, inspect.AnyType) else f"mapping of text to {describe(value)}"
        case inspect.StructType():
            return "mapping"
        case _:
            raise TypeError(f"a setting can not be of type {type_}")


def some(type_: inspect.UnionType) -> inspect.Type:
    """What a setting is when it is not null. Settings know no other unions."""
    (inner,) = (choice for choice in type_.types if not isinstance(choice, inspect.NoneType))
    return inner


def with_article(phrase: str) -> str:
    """`a duration`, `an absolute path`, but `true or false` and `text`."""
    if phrase.startswith(("true or", "one of", "text")):
        return phrase
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def closest(word: str, known: Collection[str]) -> str | None:
    """The known word that was probably meant."""
    same = word.lower().replace("-", "_")
    return same if same in known else next(iter(difflib.get_close_matches(same, known, n=1)), None)


def did_you_mean(word: str, known: Collection[str], show: Callable[[str], str] = str) -> str:
    """`; did you mean X?`, or what there is to choose from; `show` writes a known word as the reader would."""
    meant = closest(word, known)
    if meant is not None:
        return f"; did you mean {show(meant)}?"
    return f"; known here: {', '.join(map(show, known))}"


def _range(type_: inspect.IntType | inspect.FloatType) -> str:
    if type_.ge is not None and type_.le is not None:
        return f" from {type_.ge:g} to {type_.le:g}"
    return "" if type_.ge is None else f" of at least {type_.ge:g}"


def _items(item: inspect.Type) -> str:
    phrase = describe(item)
    if phrase.startswith("one of"):
        return f", each {phrase}"
    return f" of {phrase}" if phrase.startswith("text") else f" of {phrase}s"
