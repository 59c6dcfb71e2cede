"""alerts: what is and was wrong, the rules, the silences and the notices, and the acts on them."""

from collections.abc import Iterable
from typing import Any

import msgspec

from etlmon.contract.alerts import (
    SWITCH_HEADER,
    Acknowledge,
    Alert,
    AlertHistoryQuery,
    AlertQuery,
    Backtest,
    BacktestResult,
    Delivery,
    DeliveryQuery,
)
from etlmon.contract.alerts_rules import (
    AlertRule,
    NewSilence,
    RuleInfo,
    Silence,
)
from node.alerts.silences import Covering, Quiet
from node.api.request import Nothing, Request, cut_page, one_more, state_page
from node.commands.alerts import AlertActs
from node.commands.alerts_rules import RuleActs, find_rule
from node.store import alerts as store
from node.store import alerts_deliveries, alerts_rules


async def list_alerts(request: Request[AlertQuery]) -> list[Alert]:
    state_switch(request)
    rows, total = await request.context.database.read(store.page_of_open, request.params)
    state_page(request, total)
    return await _as_they_are_now(request, rows)


async def history(request: Request[AlertHistoryQuery]) -> list[Alert]:
    state_switch(request)
    rows = await request.context.database.read(store.history, one_more(request.params))
    return await _as_they_are_now(request, cut_page(request, rows))


async def _as_they_are_now(request: Request[Any], rows: Iterable[Alert]) -> list[Alert]:
    """With their newest numbers, and until when nobody is told of them."""
    context = request.context
    newest = context.alerts.newest()
    quiet = Quiet(await context.database.read(alerts_rules.silences, context.clock()))
    answer = []
    for row in rows:
        if row.state != "resolved":
            live = newest.get((row.rule, tuple(sorted(row.labels.items()))))
            silence = quiet.silence_of(row)
            row = msgspec.structs.replace(
                row,
                value=row.value if live is None else live.value,
                worst=row.worst if live is None else live.worst,
                updated_at=row.updated_at if live is None else live.updated_at,
                silenced_until=None if silence is None else silence.ends_at,
            )
        answer.append(row)
    return answer


def state_switch(request: Request[Any]) -> None:
    """Say in the headers when alerts are switched off: an empty list does not mean that all is well then."""
    if not request.context.settings.alerts.enabled:
        request.headers[SWITCH_HEADER] = "off"


async def list_rules(request: Request[Nothing]) -> list[RuleInfo]:
    state_switch(request)
    return await request.context.alerts.rules()


async def one_rule(request: Request[Nothing]) -> RuleInfo:
    """Raises NotFound."""
    context = request.context
    return await find_rule(context.alerts, context.settings, request.path_params["name"])


async def list_silences(request: Request[Nothing]) -> list[Silence]:
    state_switch(request)
    context = request.context
    open_ = [row.remembered for row in await context.database.read(store.open_alerts)]
    return [
        msgspec.structs.replace(row, matched=Covering(row).count(open_))
        for row in await context.database.read(alerts_rules.silences, context.clock())
    ]


async def list_deliveries(request: Request[DeliveryQuery]) -> list[Delivery]:
    return cut_page(
        request, await request.context.database.read(alerts_deliveries.deliveries, one_more(request.params))
    )


async def acknowledge(request: Request[Acknowledge]) -> Alert:
    """Raises what every act may raise, and what `node.commands.alerts` names; so do the others below."""
    (alert,) = await _as_they_are_now(
        request, [await _acts(request).acknowledge(request.path_params["id"], request.params)]
    )
    return alert


async def silence(request: Request[NewSilence]) -> Silence:
    return await _acts(request).silence(request.params)


async def unsilence(request: Request[Nothing]) -> None:
    await _acts(request).unsilence(request.path_params["id"])


async def add_rule(request: Request[AlertRule]) -> RuleInfo:
    """Raises what every act may raise, and what `node.commands.alerts_rules` names; so do the others below."""
    return await _rules(request).add(request.params)


async def put_rule(request: Request[AlertRule]) -> RuleInfo:
    return await _rules(request).put(request.path_params["name"], request.params)


async def remove_rule(request: Request[Nothing]) -> None:
    await _rules(request).remove(request.path_params["name"])


async def backtest(request: Request[Backtest]) -> BacktestResult:
    return await _rules(request).backtest(request.params)


def _acts(request: Request[Any]) -> AlertActs:
    context = request.context
    return AlertActs(
        acts=context.acts,
        caller=request.caller,
        database=context.database,
        watch=context.alerts,
        settings=context.settings,
        clock=context.clock,
    )


def _rules(request: Request[Any]) -> RuleActs:
    context = request.context
    return RuleActs(
        acts=context.acts,
        caller=request.caller,
        database=context.database,
        watch=context.alerts,
        settings=context.settings,
        node_name=context.node_name,
        clock=context.clock,
    )
