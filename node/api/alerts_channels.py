"""alerts: the ways to tell people, how each fares, and whether it works."""

from etlmon.contract.alerts_rules import ChannelInfo, TestNotice, TestResult
from node.api.alerts import state_switch
from node.api.request import Nothing, Request
from node.commands import alerts_channels as commands


async def list_channels(request: Request[Nothing]) -> list[ChannelInfo]:
    state_switch(request)
    return await request.context.deliverer.channels()


async def prove_channel(request: Request[TestNotice]) -> TestResult:
    """Raises NotFound, and what every act may raise."""
    context, name = request.context, request.path_params["name"]
    return await commands.prove_channel(context.acts, request.caller, context.deliverer, name)
