"""dataproc: collecting the estate now instead of when it is time."""

from collections.abc import Callable, Sequence

from etlmon.contract.dataproc import DATAPROC_COLLECT, CollectRequest, CollectStarted
from etlmon.contract.errors import NotFound, Unavailable
from node.commands.act import Act, Acts, Caller


async def collect(
    acts: Acts, caller: Caller, accounts: Sequence[str], trigger: Callable[[str], bool], request: CollectRequest
) -> CollectStarted:
    """Start a run of the accounts that are asked for, and answer at once. None, or an empty list, means all.

    `accounts` are those that are configured, `trigger` is the runner's. Accounts are read one after the other: of those
    that are accepted the first begins. Raises NotFound, with nothing started, for an account that is not configured,
    and Unavailable while the configuration is being read again.
    """
    asked = list(dict.fromkeys(request.accounts or []))

    async def work() -> CollectStarted:
        _check(accounts, asked)
        return _start(asked or accounts, trigger)

    target = ", ".join(asked) if asked else "all"
    params = {"accounts": asked} if asked else {}
    act = Act(action="dataproc.collect", target=target, params=params, status=DATAPROC_COLLECT.status)
    return await acts.perform(caller, act, work, outcome=_outcome)


def _check(accounts: Sequence[str], asked: Sequence[str]) -> None:
    """Raises NotFound."""
    if not accounts:
        raise NotFound("Dataproc is not read here: dataproc.enabled is false in this node's configuration")
    unknown = [name for name in asked if name not in accounts]
    if unknown:
        hint = f"there are {', '.join(accounts)}"
        raise NotFound(f"{', '.join(unknown)} cannot be collected: no such account; {hint}", field="accounts")


def _start(accounts: Sequence[str], trigger: Callable[[str], bool]) -> CollectStarted:
    started: dict[bool, list[str]] = {True: [], False: []}
    for name in accounts:
        try:
            started[trigger(f"dataproc:{name}")].append(name)
        except KeyError as error:
            message = "the configuration is being read again; try once more"
            raise Unavailable(message, reason="reload") from error
    return CollectStarted(accepted=started[True], running=started[False])


def _outcome(started: CollectStarted) -> str:
    return f"runs started: {len(started.accepted)}, going on already: {len(started.running)}"
