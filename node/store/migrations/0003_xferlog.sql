-- What an FTP server transferred.
CREATE TABLE xferlog_entries (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    log_time          TEXT NOT NULL,
    remote_host       TEXT NOT NULL,
    username          TEXT NOT NULL,
    filename          TEXT NOT NULL,
    bytes             INTEGER NOT NULL,
    transfer_time_sec REAL NOT NULL,
    direction         TEXT NOT NULL,
    status            TEXT NOT NULL,
    transfer_type     TEXT,
    access_mode       TEXT,
    service           TEXT NOT NULL,
    on_disk           TEXT,
    outcome           TEXT NOT NULL,
    started_at        TEXT,
    bytes_per_sec     REAL
);
CREATE INDEX xferlog_entries_by_time ON xferlog_entries (log_time);
CREATE INDEX xferlog_entries_by_outcome ON xferlog_entries (outcome);

CREATE TABLE xferlog_unparsed (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     TEXT NOT NULL,
    line   TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX xferlog_unparsed_by_time ON xferlog_unparsed (at);

-- The log that transfers are read from: one row at most.
CREATE TABLE xferlog_source (
    path             TEXT PRIMARY KEY NOT NULL,
    format           TEXT NOT NULL,
    status           TEXT NOT NULL,
    size_bytes       INTEGER NOT NULL,
    offset           INTEGER NOT NULL,
    lag_bytes        INTEGER NOT NULL,
    files            INTEGER NOT NULL,
    transfers_total  INTEGER NOT NULL,
    unparsed_total   INTEGER NOT NULL,
    last_unparsed_at TEXT,
    rotations        INTEGER NOT NULL,
    gaps             INTEGER NOT NULL,
    lost_bytes       INTEGER NOT NULL,
    last_transfer_at TEXT,
    error_message    TEXT,
    advice           TEXT NOT NULL,  -- JSON: [text]
    polled           INTEGER NOT NULL,
    collected_at     TEXT NOT NULL,
    clocks           TEXT NOT NULL,  -- JSON: {key of the tail's place: time of the last line that was read there}
    counts           TEXT NOT NULL   -- JSON: {"upload complete": [transfers, bytes]}
) WITHOUT ROWID;

-- The last comparison of the log with the disk: one row at most.
CREATE TABLE xferlog_comparison (
    root          TEXT PRIMARY KEY NOT NULL,
    mount_point   TEXT,  -- of the file system that the root was on when it could last be compared
    compared_at   TEXT NOT NULL,
    compare_error TEXT
) WITHOUT ROWID;

-- Where the log and the disk do not say the same, as of that comparison.
CREATE TABLE xferlog_findings (
    id           INTEGER PRIMARY KEY,
    kind         TEXT NOT NULL,
    filename     TEXT NOT NULL,
    path         TEXT,
    logged_bytes INTEGER,
    disk_bytes   INTEGER,
    log_time     TEXT,
    found_at     TEXT NOT NULL,
    transfer_id  INTEGER
);
