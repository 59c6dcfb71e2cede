-- The jobs as they were found last; what is no longer in a crontab is gone.
CREATE TABLE cron_jobs (
    job_id            INTEGER PRIMARY KEY,
    number            INTEGER NOT NULL,  -- their order: by source, then by line
    schedule          TEXT NOT NULL,
    command           TEXT NOT NULL,
    user              TEXT NOT NULL,
    source            TEXT NOT NULL,
    next_run          TEXT,
    last_checked      TEXT NOT NULL,
    line_no           INTEGER,
    description       TEXT NOT NULL,
    timezone          TEXT NOT NULL,
    enabled           INTEGER NOT NULL,
    error_message     TEXT,
    last_run_at       TEXT,
    last_exit_code    INTEGER,
    last_duration_sec REAL,
    state             TEXT NOT NULL,
    state_reason      TEXT,
    kind              TEXT NOT NULL,
    name              TEXT NOT NULL,
    warning           TEXT,
    next_runs         TEXT NOT NULL,  -- JSON: [time]
    due_at            TEXT,
    running_pids      TEXT NOT NULL,  -- JSON: [pid]
    environment       TEXT NOT NULL,  -- JSON: {name: value}
    scripts           TEXT NOT NULL,  -- JSON: [path]
    known_since       TEXT NOT NULL   -- when the job was found first: what was due before is no missed run
);

-- What the system's log tells of their runs, and the runs that should have been.
CREATE TABLE cron_runs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    key          TEXT UNIQUE NOT NULL,  -- which run it is: one that is seen again, now ended, is the same row
    job_id       INTEGER NOT NULL,
    at           TEXT NOT NULL,  -- its start, or when a missed one was due
    due_at       TEXT,
    started_at   TEXT,
    ended_at     TEXT,
    duration_sec REAL,
    exit_code    INTEGER,
    pid          INTEGER,
    state        TEXT NOT NULL,
    reason       TEXT,
    overlapped   INTEGER NOT NULL
);
CREATE INDEX cron_runs_by_job ON cron_runs (job_id);
CREATE INDEX cron_runs_by_state ON cron_runs (state);
CREATE INDEX cron_runs_by_job_and_state ON cron_runs (job_id, state);
CREATE INDEX cron_runs_overlapped ON cron_runs (job_id) WHERE overlapped;
CREATE INDEX cron_runs_by_time ON cron_runs (at);

-- Where jobs and runs are read from: written whole.
CREATE TABLE cron_sources (
    kind         TEXT NOT NULL,
    path         TEXT NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT,
    jobs         INTEGER NOT NULL,
    changed_at   TEXT,
    last_checked TEXT NOT NULL,
    PRIMARY KEY (kind, path)
) WITHOUT ROWID;

-- What the reader of their log goes on from: one row at most. (Of a file the place stands in tail_places, owner `cron`.)
CREATE TABLE cron_log (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    cursor TEXT NOT NULL  -- as the reader wrote it: which log, since when it tells all, in the journal up to where
);
