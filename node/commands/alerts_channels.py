"""alerts: proving a channel, by sending a notice through it now."""

from etlmon.contract.alerts import ALERT_CHANNEL_TEST
from etlmon.contract.alerts_rules import TestResult
from etlmon.contract.errors import NotFound
from node.alerts.delivery import Deliverer
from node.commands.act import Act, Acts, Caller


async def prove_channel(acts: Acts, caller: Caller, deliverer: Deliverer, name: str) -> TestResult:
    """What came of it; the audit has it, too. Raises NotFound."""

    async def work() -> TestResult:
        try:
            return await deliverer.test(name)
        except KeyError as error:
            raise NotFound(f"there is no channel {name} in alerts.channels of this node's configuration") from error

    act = Act(action="alerts.test_channel", target=name, status=ALERT_CHANNEL_TEST.status)
    return await acts.perform(
        caller,
        act,
        work,
        failure=lambda result: None if result.delivered else result.message,
        outcome=lambda result: result.message,
    )
