"""Every endpoint this node serves, and who answers it."""

from etlmon.contract import fs as fs_contract
from etlmon.contract import node as node_contract
from etlmon.contract import paths as paths_contract
from node.api import admin, fs, node, openapi, paths
from node.api.request import Route

ROUTES: tuple[Route, ...] = (
    Route(node_contract.HEALTH, node.health),
    Route(node_contract.HEALTH_PROBE, node.probe),
    Route(node_contract.NODE, node.info),
    Route(fs_contract.FS, fs.list_mounts, cached=True),
    Route(fs_contract.FS_HISTORY, fs.history, cached=True),
    Route(fs_contract.FS_HOLDERS, fs.holders),
    Route(paths_contract.PATHS, paths.list_paths, cached=True),
    Route(paths_contract.PATH_HISTORY, paths.history, cached=True),
    Route(paths_contract.PATH_TOP, paths.top, cached=True),
    Route(paths_contract.PATH_SCAN, paths.scan),
    Route(node_contract.EVENTS, node.list_events, cached=True),
    Route(node_contract.AUDIT, node.list_audit, cached=True),
    Route(node_contract.RELOAD, admin.reload),
    Route(node_contract.OPENAPI, openapi.describe),
)
