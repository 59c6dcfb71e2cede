"""Values of our own types in JSON: there and back, and in the schema."""

import msgspec
import pytest

from etlmon.contract.alerts_rules import AlertRule
from etlmon.contract.wire import decode_custom, encode_custom, schema_of_custom
from etlmon.units import Duration

RULE = AlertRule(name="deep", metric="m", condition="> 1", for_=Duration(5400), cooldown=Duration(0.25))


def test_a_duration_is_written_as_people_write_it_and_read_again() -> None:
    text = msgspec.json.encode(RULE, enc_hook=encode_custom)
    assert b'"for":"1h30m"' in text
    assert b'"cooldown":"250ms"' in text
    assert msgspec.json.decode(text, type=AlertRule, dec_hook=decode_custom) == RULE


def test_a_number_of_seconds_is_a_duration() -> None:
    raw = {"name": "deep", "metric": "m", "condition": "> 1", "for": 90}
    assert msgspec.convert(raw, AlertRule, dec_hook=decode_custom).for_ == Duration(90)


@pytest.mark.parametrize("value", ["soon", -1, True, None, [], "1e400"])
def test_what_is_no_duration_is_named_with_its_place(value: object) -> None:
    raw = {"name": "deep", "metric": "m", "condition": "> 1", "for": value}
    with pytest.raises(msgspec.ValidationError, match=r"is not a duration.* - at `\$\.for`"):
        msgspec.convert(raw, AlertRule, dec_hook=decode_custom)


def test_no_other_type_has_a_form() -> None:
    with pytest.raises(TypeError, match="complex has no form in JSON"):
        encode_custom(1j)
    with pytest.raises(TypeError, match="complex has no form in JSON"):
        decode_custom(complex, 1)
    with pytest.raises(NotImplementedError):
        schema_of_custom(complex)
