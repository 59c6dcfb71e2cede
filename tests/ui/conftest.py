"""For the tests of what is shown and printed: a client that is no judge of how fast the machine is."""

import pytest

from etlmon.client import NodeClient


@pytest.fixture(autouse=True)
def _patient_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client and the node are one process in most tests here; a busy machine may stop both for a while."""
    defaults = NodeClient.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "timeout", 30.0)
