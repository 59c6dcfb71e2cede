"""The views, in the order of their tabs. A domain's view is a file of its own and one line here.

That of the clusters shows two domains in one list: clusters and dataproc.
"""

from ui.views.alerts import AlertsView
from ui.views.base import View
from ui.views.clusters import ClustersView
from ui.views.cron import CronView
from ui.views.fs import FsView
from ui.views.host import HostView
from ui.views.logs import LogsView
from ui.views.overview import OverviewView
from ui.views.paths import PathsView
from ui.views.processes import ProcessesView
from ui.views.xferlog import XferlogView

VIEWS: tuple[type[View], ...] = (
    OverviewView,
    FsView,
    PathsView,
    LogsView,
    ProcessesView,
    CronView,
    XferlogView,
    ClustersView,
    AlertsView,
    HostView,
)
