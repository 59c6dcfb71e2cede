-- Every Dataproc cluster as it was last seen; one that is gone stays for a while.
CREATE TABLE dataproc_clusters (
    id                TEXT PRIMARY KEY NOT NULL,
    account           TEXT NOT NULL,
    project_id        TEXT NOT NULL,
    region            TEXT NOT NULL,
    zone              TEXT NOT NULL,
    cluster_name      TEXT NOT NULL,
    kind              TEXT NOT NULL,
    state             TEXT NOT NULL,
    substate          TEXT NOT NULL,
    state_since       TEXT,
    detail            TEXT NOT NULL,
    image_version     TEXT NOT NULL,
    masters           INTEGER NOT NULL,
    master_type       TEXT NOT NULL,
    workers           INTEGER NOT NULL,
    worker_type       TEXT NOT NULL,
    secondary_workers INTEGER NOT NULL,
    preemptibility    TEXT NOT NULL,
    staging_bucket    TEXT NOT NULL,
    labels            TEXT NOT NULL,  -- JSON: {name: value}
    policy            TEXT NOT NULL,
    jobs              INTEGER NOT NULL,
    jobs_running      INTEGER NOT NULL,
    last_job_state    TEXT NOT NULL,
    last_job_at       TEXT,
    idle_since        TEXT,
    has_ttl           INTEGER NOT NULL,
    attention         TEXT,
    attention_reason  TEXT,
    stale             INTEGER NOT NULL,
    gone_at           TEXT,
    first_seen_at     TEXT NOT NULL,
    collected_at      TEXT NOT NULL,
    console_url       TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX dataproc_clusters_by_place ON dataproc_clusters (project_id, region, cluster_name);
CREATE INDEX dataproc_clusters_gone ON dataproc_clusters (gone_at) WHERE gone_at IS NOT NULL;

-- What Google says of each, whole, without its jobs. It is written when it changed, which is more seldom than the row.
CREATE TABLE dataproc_documents (
    id       TEXT PRIMARY KEY NOT NULL,
    document TEXT NOT NULL  -- JSON
);

-- The latest jobs of each cluster.
CREATE TABLE dataproc_jobs (
    cluster_id   TEXT NOT NULL,
    job_id       TEXT NOT NULL,
    project_id   TEXT NOT NULL,
    region       TEXT NOT NULL,
    state        TEXT NOT NULL,
    submitted_at TEXT,
    document     TEXT NOT NULL,  -- JSON
    PRIMARY KEY (cluster_id, job_id)
);
CREATE INDEX dataproc_jobs_by_time ON dataproc_jobs (submitted_at);

-- What belongs to a cluster goes with it.
CREATE TRIGGER dataproc_cluster_is_deleted AFTER DELETE ON dataproc_clusters
BEGIN
    DELETE FROM dataproc_documents WHERE id = OLD.id;
    DELETE FROM dataproc_jobs WHERE cluster_id = OLD.id;
END;

-- Workflow templates and autoscaling policies; of a region that was read all of them are written anew.
CREATE TABLE dataproc_templates (
    name       TEXT PRIMARY KEY NOT NULL,  -- projects/P/regions/R/workflowTemplates/ID
    account    TEXT NOT NULL,
    project_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    document   TEXT NOT NULL  -- JSON
) WITHOUT ROWID;

CREATE TABLE dataproc_policies (
    name       TEXT PRIMARY KEY NOT NULL,
    account    TEXT NOT NULL,
    project_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    document   TEXT NOT NULL  -- JSON
) WITHOUT ROWID;

-- How each collection of an account went.
CREATE TABLE dataproc_runs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    account       TEXT NOT NULL,
    started_at    TEXT NOT NULL,
    ended_at      TEXT,
    duration_ms   REAL,
    result        TEXT NOT NULL,
    reason        TEXT,
    success       INTEGER NOT NULL,
    failure       INTEGER NOT NULL,
    timeout       INTEGER NOT NULL,
    unknown       INTEGER NOT NULL,
    calls         INTEGER NOT NULL,
    retries       INTEGER NOT NULL,
    clusters      INTEGER NOT NULL,
    jobs          INTEGER NOT NULL,
    regions_from  TEXT NOT NULL,
    quota_percent REAL NOT NULL,
    regions       TEXT NOT NULL,  -- JSON: a list of results
    errors        TEXT NOT NULL,  -- JSON: [text]
    UNIQUE (account, started_at)
);
CREATE INDEX dataproc_runs_by_account ON dataproc_runs (account, id);
CREATE INDEX dataproc_runs_by_time ON dataproc_runs (started_at);
