"""The alerts as a client of the node has them: what is wrong, rules, silences, notices, and the acts on them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract import alerts as contract
from etlmon.contract.alerts import (
    Acknowledge,
    Alert,
    AlertHistoryQuery,
    AlertQuery,
    Backtest,
    DeliveryQuery,
)
from etlmon.contract.alerts_rules import AlertRule, NewSilence
from etlmon.contract.node import AUDIT, HEALTH, AuditQuery
from etlmon.units import Duration
from node.collector import Sample
from node.settings import NodeSettings, Security
from node.store import alerts_rules, samples
from tests.node.alerts.watching import CHAT, LEVEL, MAIL, settings
from tests.serving import Serving, serving

RULE = AlertRule(name="added", metric="level", labels={"tank": "~[ab]"}, condition="> 100", for_=Duration(300))


class Desk:
    """Somebody who asks a node and tells it what to do."""

    def __init__(self, served: Serving, client: NodeClient) -> None:
        self.served, self.client = served, client
        self.watch = served.context.alerts

    async def ask(self, endpoint: Any, **asked: Any) -> Any:
        return (await self.client.ask(endpoint, **asked)).unwrap()

    async def state(self, **levels: float) -> None:
        """These are the numbers now; they are judged."""
        stated = [Sample("level", value, {"tank": tank}) for tank, value in levels.items()]
        self.served.context.runner.samples.replace("tanks", stated, datetime.now(UTC))
        await self.watch.look()

    async def refused(self, endpoint: Any, **asked: Any) -> tuple[int, str, dict[str, Any]]:
        """Status, message and details."""
        with pytest.raises(NodeRefused) as caught:
            await self.client.ask(endpoint, **asked)
        return caught.value.status, caught.value.message, caught.value.body.details or {}

    async def audited(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        found = await self.ask(AUDIT, query=AuditQuery())
        return [(row.action, row.target, row.result, row.params) for row in found[::-1]]

    async def raw(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        session = aiohttp.ClientSession(self.served.url)
        async with session, session.request(method, path, json=body) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None


@asynccontextmanager
async def desk(folder: Path, given: NodeSettings | None = None) -> AsyncIterator[Desk]:
    given = given or settings(LEVEL, channels=(MAIL, CHAT))
    async with serving(folder, given) as served, NodeClient(served.url) as client:
        yield Desk(served, client)


def at(folder: Path, scenario: Callable[[Desk], Awaitable[None]], given: NodeSettings | None = None) -> None:
    async def main() -> None:
        async with desk(folder, given) as one:
            await scenario(one)

    asyncio.run(main())


def test_what_is_wrong_is_answered_with_its_newest_number(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        await one.state(a=12, b=5)
        await one.state(a=14, b=5)
        (alert,) = await one.ask(contract.ALERTS)
        assert (alert.rule, alert.labels, alert.state) == ("level", {"tank": "a"}, "active")
        assert (alert.value, alert.worst, alert.summary) == (14.0, 14.0, "a is at 12")
        await one.state(a=1, b=5)
        assert await one.ask(contract.ALERTS) == []
        (past,) = await one.ask(contract.ALERT_HISTORY)
        assert (past.id, past.state, past.value) == (alert.id, "resolved", 1.0)

    at(tmp_path, scenario)


def test_lists_of_alerts_come_in_pages(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        await one.state(a=12, b=12, c=12)
        answer = await one.client.ask(contract.ALERTS, query=AlertQuery(limit=2, severity="warning", rule="level"))
        assert len(answer.unwrap()) == 2
        assert answer.headers["X-Total-Count"] == "3"
        assert "offset=2" in answer.headers["Link"]
        assert await one.ask(contract.ALERTS, query=AlertQuery(severity="critical")) == []
        newest = await one.client.ask(contract.ALERT_HISTORY, query=AlertHistoryQuery(limit=2))
        assert [row.id for row in newest.unwrap()] == [3, 2]
        assert "before=2" in newest.headers["Link"]
        deliveries = await one.ask(contract.ALERT_DELIVERIES, query=DeliveryQuery(channel="mail"))
        assert [(row.alerts, row.state) for row in deliveries] == [([1, 2, 3], "waiting")]

    at(tmp_path, scenario)


def test_somebody_looks_after_an_alert_and_it_says_who(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        await one.state(a=12)
        answer: Alert = await one.ask(contract.ALERT_ACK, body=Acknowledge(comment="on it"), id="1")
        assert (answer.acknowledged_by, answer.comment, answer.value) == ("anonymous", "on it", 12.0)
        assert await one.ask(contract.ALERTS) == [answer]
        await one.state(a=1)
        status, message, details = await one.refused(contract.ALERT_ACK, id="1")
        assert (status, details) == (409, {"reason": "resolved"})
        assert "alert 1 is over" in message
        for unknown in ("7", "x", "-1", "9" * 40, "٣"):
            assert (await one.refused(contract.ALERT_ACK, id=unknown))[0] == 404
        assert "'x' is no id of an alert" in (await one.refused(contract.ALERT_ACK, id="x"))[1]
        assert "'x' is no id of a silence" in (await one.refused(contract.ALERT_UNSILENCE, id="x"))[1]
        assert (await one.audited())[0] == ("alerts.ack", "1", "done", {"comment": "on it"})

    at(tmp_path, scenario)


def test_a_rule_is_added_judged_replaced_and_removed(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        info = await one.ask(contract.ALERT_RULE_ADD, body=RULE)
        assert (info.rule, info.origin) == (RULE, "api")
        await one.ask(
            contract.ALERT_RULE_PUT, body=AlertRule(name="added", metric="level", condition="> 8"), name="added"
        )
        await one.state(a=9)
        found = await one.ask(contract.ALERT_RULES)
        assert [(row.rule.name, row.state, row.series, row.firing) for row in found] == [
            ("level", "ok", 1, 0),
            ("added", "firing", 1, 1),
        ]
        assert (await one.ask(contract.ALERT_RULE, name="added")).firing == 1
        await one.ask(contract.ALERT_RULE_DELETE, name="added")
        await one.state(a=9)
        assert await one.ask(contract.ALERTS) == []
        assert (await one.ask(contract.ALERT_HISTORY))[0].resolved_because == "the rule was removed"
        assert (await one.refused(contract.ALERT_RULE, name="added"))[0] == 404
        actions = [(action, target) for action, target, _, _ in await one.audited()]
        assert actions == [("alerts.add_rule", "added"), ("alerts.put_rule", "added"), ("alerts.remove_rule", "added")]
        assert (await one.audited())[0][3]["for"] == "5m"

    at(tmp_path, scenario)


def test_a_rule_of_the_api_is_there_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as one:
            await one.ask(contract.ALERT_RULE_ADD, body=RULE)
        async with desk(tmp_path) as one:
            assert (await one.ask(contract.ALERT_RULE, name="added")).rule == RULE

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"condition": "about 7"}, "condition", "is no condition"),
        ({"clear": "> 200"}, "clear", "and so is the condition"),
        ({"labels": {"tank": "~("}}, "labels.tank", "no regular expression"),
        ({"summary": "{{ nobody }}"}, "summary", "names nothing"),
        ({"channels": ["pager"]}, "channels[0]", "is no channel"),
        ({"name": "a/b"}, "name", "is no name"),
        ({"name": "backtest"}, "name", "address of something else"),
        ({"metric": 'm{a="b"}'}, "metric", "its labels stand in labels"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_its_key(
    tmp_path: Path, fields: dict[str, Any], field: str, words: str
) -> None:
    async def scenario(one: Desk) -> None:
        raw = {"name": "added", "metric": "level", "condition": "> 100", **fields}
        status, body = await one.raw("POST", "/api/v1/alerts/rules", raw)
        assert (status, body["details"]["field"]) == (400, field)
        assert words in body["message"]
        assert len(await one.ask(contract.ALERT_RULES)) == 1

    at(tmp_path, scenario)


def test_the_body_of_a_rule_takes_durations_as_people_write_them(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        raw = {"name": "added", "metric": "level", "condition": "> 100", "for": "1h30m", "cooldown": 60}
        status, body = await one.raw("POST", "/api/v1/alerts/rules", raw)
        assert (status, body["rule"]["for"], body["rule"]["cooldown"]) == (201, "1h30m", "1m")
        status, body = await one.raw("POST", "/api/v1/alerts/rules", {**raw, "for": "soon"})
        assert (status, body["details"]) == (400, {"field": "for"})
        assert "'soon' is not a duration" in body["message"]

    at(tmp_path, scenario)


OLDER = {
    "name": "added",
    "metric_name": "level",
    "label_selector": 'tank=~"[ab]", path="~/x"',
    "condition": {"operator": ">", "threshold": 10},
    "for_duration_minutes": 5,
    "cooldown_minutes": 1,
    "annotations": {"summary": "{{ value }}", "runbook": "https://wiki"},
}


def test_a_rule_may_be_sent_in_the_other_spelling(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        status, body = await one.raw("POST", "/api/v1/alerts/rules", OLDER)
        assert (status, body["rule"]["metric"], body["rule"]["for"], body["rule"]["cooldown"]) == (
            201,
            "level",
            "5m",
            "1m",
        )
        assert body["rule"]["labels"] == {"tank": "~[ab]", "path": "~\\~/x"}
        assert (body["rule"]["condition"], body["rule"]["summary"]) == ("> 10", "{{ value }}")
        changed = {**OLDER, "condition": {"operator": "<", "threshold": 5}}
        status, body = await one.raw("PUT", "/api/v1/alerts/rules/added", changed)
        assert (status, body["rule"]["condition"]) == (200, "< 5")
        status, body = await one.raw("POST", "/api/v1/alerts/rules/backtest", {"rule": OLDER})
        assert (status, body["rule"]) == (200, "added")

    at(tmp_path, scenario)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"metric": "level"}, "metric"),
        ({"metric_name": 5}, "metric_name"),
        ({"condition": {"operator": "gt", "threshold": 1}}, "condition.operator"),
        ({"label_selector": {"tank": "~("}}, "label_selector.tank"),
        ({"annotations": {"summary": "{{ nobody }}"}}, "annotations.summary"),
        ({"for_duration_minutes": "soon"}, "for_duration_minutes"),
        ({"nobody": 1}, "nobody"),
    ],
)
def test_a_rule_in_the_other_spelling_is_refused_with_the_key_as_it_was_sent(
    tmp_path: Path, fields: dict[str, Any], field: str
) -> None:
    async def scenario(one: Desk) -> None:
        status, body = await one.raw("POST", "/api/v1/alerts/rules", {**OLDER, **fields})
        assert (status, body["details"]) == (400, {"field": field})
        status, body = await one.raw("POST", "/api/v1/alerts/rules/backtest", {"rule": {**OLDER, **fields}})
        assert (status, body["details"]) == (400, {"field": f"rule.{field}"})
        assert len(await one.ask(contract.ALERT_RULES)) == 1

    at(tmp_path, scenario)


def test_a_node_whose_alerts_are_switched_off_says_so_and_stores_no_rule(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        for endpoint, asked in (
            (contract.ALERT_RULE_ADD, {"body": RULE}),
            (contract.ALERT_RULE_PUT, {"body": RULE, "name": "added"}),
            (contract.ALERT_BACKTEST, {"body": Backtest(name="level")}),
        ):
            status, message, details = await one.refused(endpoint, **asked)
            assert (status, details) == (409, {"reason": "disabled"})
            assert "alerts are switched off on this node: alerts.enabled is false" in message
        assert await one.served.database.read(alerts_rules.rules) == ([], [])
        for path in ("", "/history", "/rules", "/silences", "/channels"):
            async with one.served.session.get(f"/api/v1/alerts{path}") as answer:
                assert answer.headers[contract.SWITCH_HEADER] == "off"
        status, message, _ = await one.refused(contract.ALERT_RULE, name="level")
        assert (status, "switched off" in message) == (404, True)
        assert (await one.ask(contract.ALERT_BACKTEST, body=Backtest(rule=RULE))).rule == "added"

    at(tmp_path, scenario, settings(LEVEL, channels=(MAIL,), enabled=False))


def test_a_node_whose_alerts_are_on_says_nothing_of_it(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        assert contract.SWITCH_HEADER not in (await one.client.ask(contract.ALERTS)).headers

    at(tmp_path, scenario)


def test_each_rule_has_a_name_of_its_own_and_only_added_ones_can_be_changed(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        level = AlertRule(name="level", metric="level", condition="> 1")
        status, message, details = await one.refused(contract.ALERT_RULE_ADD, body=level)
        assert (status, details) == (409, {"reason": "duplicate"})
        assert "stands in alerts.rules" in message
        status, message, details = await one.refused(contract.ALERT_RULE_PUT, body=level, name="level")
        assert (status, details) == (409, {"reason": "origin"})
        assert (await one.refused(contract.ALERT_RULE_DELETE, name="level"))[0] == 409
        assert (await one.refused(contract.ALERT_RULE_DELETE, name="nobody"))[0] == 404
        assert (await one.refused(contract.ALERT_RULE_PUT, body=RULE, name="added"))[0] == 404
        status, _, details = await one.refused(contract.ALERT_RULE_PUT, body=RULE, name="other")
        assert (status, details) == (400, {"field": "name"})
        await one.ask(contract.ALERT_RULE_ADD, body=RULE)
        assert (await one.refused(contract.ALERT_RULE_ADD, body=RULE))[0] == 409

    at(tmp_path, scenario)


def test_a_silence_is_made_shown_and_ended(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        await one.state(a=12, b=12)
        wanted = NewSilence(rule="level", labels={"tank": "a"}, reason="new pump", duration="2h")
        made = await one.ask(contract.ALERT_SILENCE, body=wanted)
        assert (made.active, made.matched, made.created_by) == (True, 1, "anonymous")
        assert made.ends_at - made.starts_at == timedelta(hours=2)
        assert await one.ask(contract.ALERT_SILENCES) == [made]
        alerts = {row.labels["tank"]: row.silenced_until for row in await one.ask(contract.ALERTS)}
        assert alerts == {"a": made.ends_at, "b": None}
        await one.ask(contract.ALERT_UNSILENCE, id=str(made.id))
        assert await one.ask(contract.ALERT_SILENCES) == []
        assert (await one.refused(contract.ALERT_UNSILENCE, id=str(made.id)))[0] == 404
        assert (await one.refused(contract.ALERT_UNSILENCE, id="x"))[0] == 404
        assert [row[:3] for row in await one.audited()][:2] == [
            ("alerts.silence", "level", "done"),
            ("alerts.unsilence", str(made.id), "done"),
        ]

    at(tmp_path, scenario)


def test_a_maintenance_window_is_listed_before_it_begins(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        wanted = NewSilence(reason="new disks", starts_at=tomorrow, ends_at=tomorrow + timedelta(hours=1))
        made = await one.ask(contract.ALERT_SILENCE, body=wanted)
        assert (made.active, made.starts_at, made.rule) == (False, tomorrow, "")
        await one.state(a=12)
        assert (await one.ask(contract.ALERTS))[0].silenced_until is None
        (listed,) = await one.ask(contract.ALERT_SILENCES)
        assert (listed.active, listed.matched) == (False, 1)

    at(tmp_path, scenario)


NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "duration"),
        ({"duration": "2h", "ends_at": NOW}, "duration"),
        ({"duration": "soon"}, "duration"),
        ({"duration": "0s"}, "duration"),
        ({"duration": "9000d"}, "duration"),
        ({"ends_at": datetime(2001, 1, 1, tzinfo=UTC)}, "ends_at"),
        ({"ends_at": datetime(9999, 12, 31, tzinfo=UTC)}, "ends_at"),
        ({"duration": "2h", "starts_at": datetime(9999, 12, 31, 23, tzinfo=UTC)}, "duration"),
        ({"duration": "2h", "labels": {"tank": "~("}}, "labels.tank"),
        ({"duration": "2h", "labels": {"a b": "x"}}, "labels.a b"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_with_its_field(tmp_path: Path, fields: dict[str, Any], field: str) -> None:
    async def scenario(one: Desk) -> None:
        status, _, details = await one.refused(contract.ALERT_SILENCE, body=NewSilence(reason="why", **fields))
        assert (status, details) == (400, {"field": field})
        assert await one.ask(contract.ALERT_SILENCES) == []

    at(tmp_path, scenario)


def test_a_silence_of_a_rule_that_the_node_does_not_have_is_refused(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        for rule, why in (("levle", "; did you mean level?"), ("xyz", "; known here: level")):
            body = NewSilence(rule=rule, reason="why", duration="2h")
            status, message, details = await one.refused(contract.ALERT_SILENCE, body=body)
            assert (status, details) == (400, {"field": "rule"})
            assert message.startswith(f"nothing is silenced: the node has no rule {rule}{why}")
        assert await one.ask(contract.ALERT_SILENCES) == []
        assert [row[:3] for row in await one.audited()] == [
            ("alerts.silence", "levle", "refused"),
            ("alerts.silence", "xyz", "refused"),
        ]
        await one.ask(contract.ALERT_RULE_ADD, body=RULE)
        await one.ask(contract.ALERT_SILENCE, body=NewSilence(rule="added", reason="why", duration="2h"))

    at(tmp_path, scenario)


def test_a_silence_of_a_rule_is_refused_while_alerts_are_switched_off_and_one_of_all_is_not(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        body = NewSilence(rule="level", reason="why", duration="2h")
        status, message, details = await one.refused(contract.ALERT_SILENCE, body=body)
        assert (status, details) == (409, {"reason": "disabled"})
        assert message.startswith("nothing is silenced: alerts are switched off on this node")
        await one.ask(contract.ALERT_SILENCE, body=NewSilence(reason="why", duration="2h"))

    at(tmp_path, scenario, settings(LEVEL, enabled=False))


async def remember(one: Desk, values: list[float], tank: str = "a") -> datetime:
    """A number each minute up to now; returns the time of the first."""
    begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=len(values))
    for minute, value in enumerate(values):
        point = samples.Point("level", {"tank": tank}, begin + timedelta(minutes=minute), value)
        await one.served.database.write(lambda db, point=point: samples.record(db, [point]))  # type: ignore[misc]
    return begin


def test_a_rule_is_replayed_over_what_is_stored(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        begin = await remember(one, [5, 5, 12, 15, 5, 5, 5, 11, 5, 5])
        result = await one.ask(contract.ALERT_BACKTEST, body=Backtest(name="level", since=begin))
        assert (result.rule, result.level, result.series) == ("level", "raw", 1)
        assert [(row.labels, row.worst) for row in result.firings] == [({"tank": "a"}, 15.0), ({"tank": "a"}, 11.0)]
        assert result.firings[0].triggered_at == begin + timedelta(minutes=2)
        assert result.firings[0].resolved_at == begin + timedelta(minutes=4)
        other = AlertRule(name="other", metric="level", labels={"tank": "b"}, condition="> 1")
        result = await one.ask(contract.ALERT_BACKTEST, body=Backtest(rule=other))
        assert (result.series, result.firings, result.level) == (0, [], "minute")
        assert result.until - result.since == timedelta(days=7)
        assert await one.ask(contract.ALERTS) == []
        assert await one.ask(contract.ALERT_DELIVERIES) == []

    at(tmp_path, scenario)


def test_a_backtest_over_many_hours_is_read_in_parts_without_a_seam(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        begin = await remember(one, [12.0] * 200)
        result = await one.ask(contract.ALERT_BACKTEST, body=Backtest(name="level", since=begin))
        assert [row.triggered_at for row in result.firings] == [begin]

    at(tmp_path, scenario)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (Backtest(), 400),
        (Backtest(name="level", rule=RULE), 400),
        (Backtest(name="nobody"), 404),
        (Backtest(rule=AlertRule(name="x", metric="m", condition="nothing")), 400),
        (Backtest(name="level", since=datetime(2999, 1, 1, tzinfo=UTC)), 400),
    ],
)
def test_a_backtest_says_what_it_cannot_replay(tmp_path: Path, asked: Backtest, status: int) -> None:
    async def scenario(one: Desk) -> None:
        assert (await one.refused(contract.ALERT_BACKTEST, body=asked))[0] == status

    at(tmp_path, scenario)


def test_acts_are_refused_where_the_node_only_looks(tmp_path: Path) -> None:
    given = msgspec.structs.replace(settings(LEVEL), security=Security(read_only=True))

    async def scenario(one: Desk) -> None:
        await one.state(a=12)
        for endpoint, asked in (
            (contract.ALERT_ACK, {"id": "1"}),
            (contract.ALERT_RULE_ADD, {"body": RULE}),
            (contract.ALERT_RULE_DELETE, {"name": "level"}),
            (contract.ALERT_SILENCE, {"body": NewSilence(reason="r", duration="1h")}),
            (contract.ALERT_UNSILENCE, {"id": "1"}),
        ):
            assert (await one.refused(endpoint, **asked))[0] == 403
        assert (await one.ask(contract.ALERTS))[0].acknowledged_at is None

    at(tmp_path, scenario, given)


def test_the_short_addresses_answer_as_the_long_ones(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        await one.state(a=12)
        for path in ("alerts", "alerts/history", "alerts/rules", "alerts/rules/level", "alerts/silences"):
            short, long = await one.raw("GET", f"/api/{path}"), await one.raw("GET", f"/api/v1/{path}")
            assert short == long
            assert short[0] == 200
        raw = {"name": "added", "metric": "level", "condition": "> 100"}
        assert (await one.raw("POST", "/api/alerts/rules", raw))[0] == 201
        assert (await one.raw("PUT", "/api/alerts/rules/added", {**raw, "condition": "> 1"}))[0] == 200
        assert (await one.raw("DELETE", "/api/alerts/rules/added"))[0] == 204
        assert (await one.raw("POST", "/api/alerts/1/ack", {}))[1]["acknowledged_by"] == "anonymous"
        status, body = await one.raw("GET", "/api/status")
        assert (status, body["status"]) == (200, (await one.ask(HEALTH)).status)
        assert (await one.raw("POST", "/api/alerts/rules/backtest", {}))[0] == 400
        assert (await one.raw("GET", "/api/metrics/weather"))[0] == 404

    at(tmp_path, scenario)


def test_the_health_names_a_rule_that_was_edited_by_hand(tmp_path: Path) -> None:
    async def scenario(one: Desk) -> None:
        await one.ask(contract.ALERT_RULE_ADD, body=RULE)
        await one.served.database.write(lambda db: db.execute_fetchall("UPDATE alert_rules SET rule = '[]'"))
        await one.watch.refresh()
        assert (await one.ask(HEALTH)).problems == ["the alert rule added cannot be read from the database; remove it"]
        await one.ask(contract.ALERT_RULE_DELETE, name="added")
        assert (await one.ask(HEALTH)).problems == []

    at(tmp_path, scenario)
