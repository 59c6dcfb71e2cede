"""A bug of the UI's own: one line, a trace without values, and the terminal given back."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.nodes import FakeNode
from tests.ui.looking import looking
from ui.crash import crash_line


def test_the_trace_is_saved_without_the_values_that_may_be_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def fails(token: str) -> None:
        raise RuntimeError(f"the text holds {token}")

    try:
        fails("".join(["s3", "cret"]))
    except RuntimeError as error:
        line = crash_line(error)
    (saved,) = (tmp_path / "etlmon").iterdir()
    assert str(saved) in line
    assert "RuntimeError" in line
    trace = saved.read_text(encoding="utf-8")
    assert "in fails" in trace
    assert "s3cret" not in line + trace


def test_a_trace_that_cannot_be_saved_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etlmon").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert "could not be saved" in crash_line(ValueError())


def test_a_bug_ends_the_app_with_1_and_one_line_without_locals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    codes: list[int | None] = []

    async def main() -> None:
        async with FakeNode() as fake, looking([("web1", fake.url)]) as eye:

            def broken() -> None:
                secret_value = "".join(["s3", "cret"])  # noqa: F841 (what a trace with locals would print)
                raise ZeroDivisionError

            eye.app.call_later(broken)
            await eye.until(lambda: eye.app._exception is not None, "the bug")
            codes.append(eye.app.return_code)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
    text = capsys.readouterr().err
    assert codes == [1]
    assert "etlmon ui met a bug of its own and stopped: ZeroDivisionError" in text
    assert "s3cret" not in text
