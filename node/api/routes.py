"""Every endpoint this node serves, and who answers it."""

from etlmon.contract import alerts as alerts_contract
from etlmon.contract import clusters as clusters_contract
from etlmon.contract import cron as cron_contract
from etlmon.contract import dataproc as dataproc_contract
from etlmon.contract import fs as fs_contract
from etlmon.contract import host as host_contract
from etlmon.contract import logs as logs_contract
from etlmon.contract import metrics as metrics_contract
from etlmon.contract import node as node_contract
from etlmon.contract import paths as paths_contract
from etlmon.contract import processes as processes_contract
from etlmon.contract import xferlog as xferlog_contract
from node.api import (
    admin,
    alerts,
    alerts_bodies,
    alerts_channels,
    clusters,
    cron,
    dataproc,
    fs,
    host,
    host_history,
    logs,
    metrics,
    node,
    openapi,
    paths,
    processes,
    xferlog,
)
from node.api.request import Route

ROUTES: tuple[Route, ...] = (
    Route(node_contract.HEALTH, node.health),
    Route(node_contract.HEALTH_PROBE, node.probe),
    Route(node_contract.NODE, node.info),
    # Not kept: silences begin and end without a commit, and the newest numbers are in memory.
    Route(alerts_contract.ALERTS, alerts.list_alerts),
    Route(alerts_contract.ALERT_HISTORY, alerts.history),
    Route(alerts_contract.ALERT_ACK, alerts.acknowledge),
    Route(alerts_contract.ALERT_RULES, alerts.list_rules),
    Route(alerts_contract.ALERT_RULE_ADD, alerts.add_rule, respell=alerts_bodies.rule),
    Route(alerts_contract.ALERT_BACKTEST, alerts.backtest, respell=alerts_bodies.backtest),
    Route(alerts_contract.ALERT_RULE, alerts.one_rule),
    Route(alerts_contract.ALERT_RULE_PUT, alerts.put_rule, respell=alerts_bodies.rule),
    Route(alerts_contract.ALERT_RULE_DELETE, alerts.remove_rule),
    Route(alerts_contract.ALERT_SILENCES, alerts.list_silences),
    Route(alerts_contract.ALERT_SILENCE, alerts.silence),
    Route(alerts_contract.ALERT_UNSILENCE, alerts.unsilence),
    Route(alerts_contract.ALERT_CHANNELS, alerts_channels.list_channels),
    Route(alerts_contract.ALERT_CHANNEL_TEST, alerts_channels.prove_channel),
    Route(alerts_contract.ALERT_DELIVERIES, alerts.list_deliveries, cached=True),
    Route(clusters_contract.CLUSTERS, clusters.list_clusters, cached=True),
    Route(clusters_contract.CLUSTER_REGISTER, clusters.register),
    Route(clusters_contract.CLUSTER_TEST, clusters.test),
    Route(clusters_contract.CLUSTER, clusters.get_cluster, cached=True),
    Route(clusters_contract.CLUSTER_DEREGISTER, clusters.deregister),
    Route(clusters_contract.CLUSTER_REFRESH, clusters.refresh),
    Route(clusters_contract.CLUSTER_TRUST, clusters.trust),
    Route(clusters_contract.CLUSTER_NODES, clusters.list_nodes, cached=True),
    Route(clusters_contract.CLUSTER_GUESTS, clusters.list_guests, cached=True),
    Route(clusters_contract.CLUSTER_STORAGE, clusters.list_storage, cached=True),
    Route(cron_contract.CRON, cron.list_jobs, cached=True),
    Route(cron_contract.CRON_RUNS, cron.list_runs, cached=True),
    Route(cron_contract.CRON_SOURCES, cron.list_sources, cached=True),
    Route(cron_contract.CRON_REFRESH, cron.refresh),
    # Not kept: the whole estate may be many megabytes.
    Route(dataproc_contract.DATAPROC_RESOURCES, dataproc.list_resources),
    Route(dataproc_contract.DATAPROC_CLUSTERS, dataproc.list_clusters, cached=True),
    Route(dataproc_contract.DATAPROC_CLUSTER, dataproc.one_cluster, cached=True),
    Route(dataproc_contract.DATAPROC_JOBS, dataproc.list_jobs, cached=True),
    Route(dataproc_contract.DATAPROC_TEMPLATES, dataproc.list_templates, cached=True),
    Route(dataproc_contract.DATAPROC_POLICIES, dataproc.list_policies, cached=True),
    Route(dataproc_contract.DATAPROC_RUNS, dataproc.list_runs, cached=True),
    Route(dataproc_contract.DATAPROC_COLLECT, dataproc.collect),
    Route(fs_contract.FS, fs.list_mounts, cached=True),
    Route(fs_contract.FS_HISTORY, fs.history, cached=True),
    Route(fs_contract.FS_HOLDERS, fs.holders),
    Route(host_contract.HOST, host.now),
    Route(host_contract.HOST_HISTORY, host_history.history, cached=True),
    Route(host_contract.HOST_SERIES, host_history.list_series, cached=True),
    Route(logs_contract.LOGS, logs.list_logs, cached=True),
    Route(logs_contract.LOG, logs.lines, stream=logs.follow),
    Route(logs_contract.LOG_GAPS, logs.list_gaps, cached=True),
    Route(logs_contract.LOG_PAUSE, logs.pause),
    Route(logs_contract.LOG_RESUME, logs.resume),
    Route(paths_contract.PATHS, paths.list_paths, cached=True),
    Route(paths_contract.PATH_HISTORY, paths.history, cached=True),
    Route(paths_contract.PATH_TOP, paths.top, cached=True),
    Route(paths_contract.PATH_SCAN, paths.scan),
    Route(processes_contract.PROCESSES, processes.list_processes, cached=True),
    Route(processes_contract.PROCESS_WATCHES, processes.list_watches, cached=True),
    Route(processes_contract.PROCESS_HISTORY, processes.history, cached=True),
    Route(processes_contract.PROCESS_TOP, processes.top),
    Route(processes_contract.PROCESS, processes.detail),
    Route(processes_contract.PROCESS_KILL, processes.kill),
    Route(xferlog_contract.XFERLOG, xferlog.list_transfers, cached=True),
    Route(xferlog_contract.XFERLOG_SUMMARY, xferlog.summary, cached=True),
    Route(xferlog_contract.XFERLOG_SOURCE, xferlog.source, cached=True),
    Route(xferlog_contract.XFERLOG_UNPARSED, xferlog.list_unparsed, cached=True),
    Route(xferlog_contract.XFERLOG_FINDINGS, xferlog.list_findings, cached=True),
    Route(metrics_contract.METRICS, metrics.text),
    Route(metrics_contract.API_METRICS, metrics.text),
    Route(node_contract.EVENTS, node.list_events, cached=True),
    Route(node_contract.AUDIT, node.list_audit, cached=True),
    Route(node_contract.RELOAD, admin.reload),
    Route(node_contract.OPENAPI, openapi.describe),
)
