"""Calls that fail, wait and are made again; and how many of them a project gets."""

import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from etlmon.units import Duration
from node.settings_dataproc import DataprocRetries
from node.sources.dataproc_calls import Budget, Calls
from node.sources.dataproc_errors import ApiError, of_http
from node.sources.dataproc_says import Tally


def calls(initial: float = 0.01, longest: float = 1.0, multiplier: float = 2.0) -> Calls:
    retries = DataprocRetries(initial=Duration(initial), max=Duration(longest), multiplier=multiplier)
    return Calls(retries, threading.Event())


def failing(*errors: ApiError) -> tuple[Callable[[float], str], list[float]]:
    """A call that fails so and then so, and is good in the end; and when it was made."""
    made: list[float] = []

    def ask(within_sec: float) -> str:
        made.append(time.monotonic())
        if len(made) <= len(errors):
            raise errors[len(made) - 1]
        return "good"

    return ask, made


def gaps(made: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(made)]


def soon(sec: float = 30.0) -> float:
    return time.monotonic() + sec


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "UNAVAILABLE"])
def test_a_call_that_may_do_better_is_made_again_and_counted(code: str) -> None:
    ask, made = failing(ApiError(code), ApiError(code))
    tally = Tally()
    assert calls().make(ask, attempts=3, until=soon(), tally=tally) == "good"
    assert (len(made), tally.calls, tally.retries) == (3, 3, 2)


@pytest.mark.parametrize(
    "code", ["INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "DEADLINE_EXCEEDED", "INTERNAL"]
)
def test_a_call_that_cannot_do_better_is_made_once(code: str) -> None:
    ask, made = failing(ApiError(code, "no"))
    with pytest.raises(ApiError, match="no"):
        calls().make(ask, attempts=3, until=soon(), tally=Tally())
    assert len(made) == 1


@pytest.mark.parametrize("words", ["Received RST_STREAM with error code 2", "Stream removed", "Socket closed"])
def test_a_broken_stream_is_no_mistake_of_the_server(words: str) -> None:
    assert ApiError("INTERNAL", words).is_temporary
    assert ApiError("UNKNOWN", words).is_temporary


def test_the_last_error_is_told_when_there_are_no_more_attempts() -> None:
    ask, made = failing(*[ApiError("UNAVAILABLE", f"attempt {number}") for number in (1, 2, 3)])
    with pytest.raises(ApiError, match="attempt 2"):
        calls().make(ask, attempts=2, until=soon(), tally=Tally())
    assert len(made) == 2


def test_each_pause_is_longer_than_the_one_before_up_to_a_limit_and_no_two_callers_are_alike() -> None:
    ask, made = failing(*[ApiError("UNAVAILABLE")] * 4)
    calls(initial=0.04, longest=0.32, multiplier=4.0).make(ask, attempts=5, until=soon(), tally=Tally())
    bounds = [(0.02, 0.04), (0.08, 0.16), (0.16, 0.32), (0.16, 0.32)]
    found = gaps(made)
    assert all(low <= gap for gap, (low, _) in zip(found, bounds, strict=True))
    again, made_again = failing(*[ApiError("UNAVAILABLE")] * 4)
    calls(initial=0.04, longest=0.32, multiplier=4.0).make(again, attempts=5, until=soon(), tally=Tally())
    assert max(abs(one - other) for one, other in zip(found, gaps(made_again), strict=True)) > 0.001


def test_a_server_may_ask_for_a_longer_pause_than_the_settings_have() -> None:
    ask, made = failing(ApiError("RESOURCE_EXHAUSTED", wait_sec=0.3))
    calls(longest=0.02).make(ask, attempts=2, until=soon(), tally=Tally())
    assert gaps(made)[0] >= 0.3


def test_a_pause_that_would_end_too_late_is_not_made() -> None:
    ask, made = failing(ApiError("RESOURCE_EXHAUSTED", "later", wait_sec=60.0))
    began = time.monotonic()
    with pytest.raises(ApiError, match="later"):
        calls().make(ask, attempts=3, until=soon(20.0), tally=Tally())
    assert len(made) == 1
    assert time.monotonic() - began < 10.0


def test_a_call_has_no_more_time_than_is_left_for_all_attempts() -> None:
    given: list[float] = []

    def ask(within_sec: float) -> str:
        given.append(within_sec)
        time.sleep(0.2)
        raise ApiError("UNAVAILABLE")

    with pytest.raises(ApiError):
        calls().make(ask, attempts=3, until=soon(30.0), tally=Tally())
    assert given[0] <= 30.0
    assert given[2] <= given[1] - 0.2 <= given[0] - 0.4


def test_when_the_time_is_over_nothing_is_asked_any_more() -> None:
    ask, made = failing()
    with pytest.raises(ApiError) as caught:
        calls().make(ask, attempts=3, until=time.monotonic() - 1, tally=Tally())
    assert caught.value.kind == "timeout"
    assert made == []


def test_nobody_waits_for_another_attempt_when_the_account_is_refused() -> None:
    stopping = threading.Event()
    caller = Calls(DataprocRetries(initial=Duration(20), max=Duration(20)), stopping)
    ask, made = failing(ApiError("UNAVAILABLE"))

    def asked(within_sec: float) -> str:
        threading.Timer(0.1, stopping.set).start()
        return ask(within_sec)

    began = time.monotonic()
    with pytest.raises(ApiError) as caught:
        caller.make(asked, attempts=3, until=soon(60.0), tally=Tally())
    assert caught.value.code == "CANCELLED"
    assert time.monotonic() - began < 9.0
    assert len(made) == 1


def test_a_budget_counts_the_calls_of_the_last_minute_and_those_of_before() -> None:
    budget = Budget(10, [5.0, 55.0, 60.5, 90.0, -1.0])
    for _ in range(3):
        budget.take(soon(), threading.Event())
    assert budget.most_percent == 50.0
    recent = budget.recent()
    assert recent == sorted(recent, reverse=True)
    assert recent == pytest.approx([55, 5, 0, 0, 0], abs=4)


def test_a_budget_that_is_used_up_says_so_at_once_when_nothing_gets_free_in_time() -> None:
    budget = Budget(2, [1.0, 1.0], project="the project p1")
    with pytest.raises(ApiError, match="p1 got the 2 calls within a minute") as caught:
        budget.take(soon(5.0), threading.Event())
    assert caught.value.kind == "failure"
    assert not caught.value.is_temporary


def test_a_budget_lets_the_next_call_go_when_the_oldest_is_a_minute_old() -> None:
    began = time.monotonic()
    budget = Budget(2, [59.7, 10.0])
    budget.take(soon(10.0), threading.Event())
    assert 0.2 < time.monotonic() - began < 9.0


def test_a_budget_of_nothing_is_no_limit() -> None:
    budget = Budget(0, [1.0] * 5000)
    for _ in range(1000):
        budget.take(soon(), threading.Event())
    assert budget.most_percent == 0.0


def test_several_threads_never_get_more_than_the_budget_together() -> None:
    budget = Budget(50)
    taken: list[int] = []

    def take() -> None:
        for _ in range(30):
            try:
                budget.take(soon(1.0), threading.Event())
            except ApiError:
                return
            taken.append(1)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(taken) == 50


def test_each_repeated_call_counts_in_the_budget() -> None:
    budget = Budget(2)
    ask, made = failing(*[ApiError("UNAVAILABLE")] * 5)
    with pytest.raises(ApiError, match="2 calls within a minute"):
        calls().make(ask, attempts=5, until=soon(5.0), tally=Tally(), budget=budget)
    assert len(made) == 2


@pytest.mark.parametrize(
    ("status", "code", "kind", "is_temporary"),
    [
        (302, "UNKNOWN", "unknown", False),
        (400, "INVALID_ARGUMENT", "failure", False),
        (401, "UNAUTHENTICATED", "failure", False),
        (403, "PERMISSION_DENIED", "failure", False),
        (404, "NOT_FOUND", "failure", False),
        (429, "RESOURCE_EXHAUSTED", "failure", True),
        (500, "INTERNAL", "failure", False),
        (502, "UNAVAILABLE", "failure", True),
        (503, "UNAVAILABLE", "failure", True),
        (504, "DEADLINE_EXCEEDED", "timeout", False),
        (599, "INTERNAL", "failure", False),
    ],
)
def test_a_status_of_http_means_what_the_code_of_grpc_means(
    status: int, code: str, kind: str, is_temporary: bool
) -> None:
    error = of_http(status, {}, b"<html>nobody's error</html>")
    assert (error.code, error.kind, error.is_temporary) == (code, kind, is_temporary)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("headers", "body", "wait_sec"),
    [
        ({"Retry-After": "7"}, b"", 7.0),
        ({"Retry-After": "1.5"}, b"", 1.5),
        ({"Retry-After": "soon"}, b"", None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"", 0.0),
        ({}, b'{"error": {"details": [{"@type": "x/google.rpc.RetryInfo", "retryDelay": "2.5s"}]}}', 2.5),
        ({"Retry-After": "7"}, b'{"error": {"details": [{"retryDelay": "3s"}]}}', 3.0),
        ({"Retry-After": "7"}, b'{"error": {"details": [{"retryDelay": "bad"}, 5], "errors": 3}}', 7.0),
        ({}, b'{"error": [1]}', None),
        ({}, b"[]", None),
    ],
)
def test_the_pause_that_is_asked_for_is_found(headers: dict[str, str], body: bytes, wait_sec: float | None) -> None:
    assert of_http(429, headers, body).wait_sec == wait_sec


def test_an_old_part_of_google_tells_its_reasons_in_its_own_way() -> None:
    body = b'{"error": {"code": 403, "message": "off", "errors": [{"reason": "accessNotConfigured"}]}}'
    assert of_http(403, {}, body).is_disabled
    body = b'{"error": {"code": 403, "message": "slow down", "errors": [{"reason": "rateLimitExceeded"}]}}'
    assert of_http(403, {}, body).is_temporary


def test_words_from_elsewhere_are_one_line_without_tokens_and_not_too_long() -> None:
    error = ApiError("INTERNAL", f"a\nb\x1b[31m\u202e ya29.{'x' * 100} {'long ' * 200}")
    assert "\n" not in str(error)
    assert "\x1b" not in str(error)
    assert "\u202e" not in str(error)
    assert "xxx" not in str(error)
    assert len(str(error)) < 500
