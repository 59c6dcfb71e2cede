"""What is said when the UI meets a bug of its own: one line for the operator, a trace in a file, and no secrets.

A trace with the values of its variables would hold tokens and texts of hosts; this one holds the code's lines alone.
"""

import os
import traceback
from datetime import datetime

from etlmon.clean import clean
from ui.save import save, save_directory


def crash_line(error: BaseException) -> str:
    """Save the trace and say in one line what happened and where the trace is."""
    what = f"etlmon ui met a bug of its own and stopped: {type(error).__name__}"
    trace = "".join(traceback.format_tb(error.__traceback__))
    try:
        path = save(save_directory(os.environ), "crash", ".txt", f"{trace}{type(error).__name__}\n", _now())
    except OSError as unsaved:
        return f"{what} (its trace could not be saved: {clean(str(unsaved))})"
    return f"{what}; please report it with {path}"


def _now() -> datetime:
    return datetime.now().astimezone()
