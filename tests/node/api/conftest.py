"""For the tests of the API: a client that is no judge of how fast the machine is."""

import pytest

from etlmon.client import NodeClient


@pytest.fixture(autouse=True)
def _patient_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client and the node are one process here, which a busy machine may stop for longer than a client waits."""
    defaults = NodeClient.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "timeout", 30.0)
