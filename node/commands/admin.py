"""admin: acts on the node itself."""

from collections.abc import Awaitable, Callable

from etlmon.contract.node import Reloaded
from node.commands.act import Act, Acts, Caller


async def reload(acts: Acts, caller: Caller, work: Callable[[], Awaitable[Reloaded]]) -> Reloaded:
    """Read the configuration again. A file that is refused is an answer, and a failure in the audit."""
    act = Act(action="admin.reload", target="configuration")
    return await acts.perform(
        caller, act, work, failure=lambda answer: None if answer.reloaded else "; ".join(answer.warnings) or "refused"
    )
