-- Times are RFC 3339 text in UTC with milliseconds and Z: they sort as they stand.

-- Every mount as it was last seen, one row each.
CREATE TABLE filesystem_mounts (
    mount_point         TEXT PRIMARY KEY NOT NULL,
    total_bytes         INTEGER NOT NULL,
    used_bytes          INTEGER NOT NULL,
    avail_bytes         INTEGER NOT NULL,
    used_percent        REAL NOT NULL,
    collected_at        TEXT NOT NULL,
    device              TEXT NOT NULL,
    fstype              TEXT NOT NULL,
    read_only           INTEGER NOT NULL,
    inodes_total        INTEGER NOT NULL,
    inodes_used_percent REAL NOT NULL,
    state               TEXT NOT NULL,
    stuck_since         TEXT,
    error_message       TEXT,
    network             INTEGER NOT NULL,
    expected            INTEGER NOT NULL,
    full_at             TEXT,
    warn_percent        REAL NOT NULL,
    critical_percent    REAL NOT NULL,
    blocked             TEXT NOT NULL  -- JSON: [{"pid", "process_name", "wchan"}]
) WITHOUT ROWID;

-- How full each mount was; measured values only.
CREATE TABLE filesystem_usage (
    mount_point         TEXT NOT NULL,
    collected_at        TEXT NOT NULL,
    total_bytes         INTEGER NOT NULL,
    used_bytes          INTEGER NOT NULL,
    avail_bytes         INTEGER NOT NULL,
    used_percent        REAL NOT NULL,
    inodes_used_percent REAL NOT NULL,
    PRIMARY KEY (mount_point, collected_at)
) WITHOUT ROWID;

-- Every watched path with its latest scan.
CREATE TABLE path_stats (
    path             TEXT PRIMARY KEY NOT NULL,
    name             TEXT NOT NULL,
    file_count       INTEGER NOT NULL,
    dir_count        INTEGER NOT NULL,
    scan_duration_ms INTEGER NOT NULL,
    status           TEXT NOT NULL,
    error_message    TEXT,
    collected_at     TEXT NOT NULL,
    state            TEXT NOT NULL,
    complete         INTEGER NOT NULL,
    skipped          INTEGER NOT NULL,
    total_bytes      INTEGER,
    oldest_mtime     TEXT,
    newest_mtime     TEXT,
    arriving_count   INTEGER NOT NULL,
    ready_count      INTEGER NOT NULL,
    delta_files      INTEGER,
    next_scan_at     TEXT,
    scanned_files    INTEGER,
    finished_status  TEXT  -- the status that the last finished scan had; NULL before the first
) WITHOUT ROWID;

-- The scans that counted something, finished or cut short.
CREATE TABLE path_history (
    path             TEXT NOT NULL,
    at               TEXT NOT NULL,
    file_count       INTEGER NOT NULL,
    dir_count        INTEGER NOT NULL,
    arriving_count   INTEGER NOT NULL,
    total_bytes      INTEGER,
    scan_duration_ms INTEGER NOT NULL,
    complete         INTEGER NOT NULL,
    PRIMARY KEY (path, at)
) WITHOUT ROWID;

-- The largest files and directories of a watched path, largest first; file and directory are relative to it.
CREATE TABLE path_top_files (
    watched TEXT NOT NULL,
    rank    INTEGER NOT NULL,
    file    TEXT NOT NULL,
    bytes   INTEGER NOT NULL,
    mtime   TEXT NOT NULL,
    PRIMARY KEY (watched, rank)
) WITHOUT ROWID;

CREATE TABLE path_top_directories (
    watched    TEXT NOT NULL,
    rank       INTEGER NOT NULL,
    directory  TEXT NOT NULL,
    bytes      INTEGER NOT NULL,
    file_count INTEGER NOT NULL,
    PRIMARY KEY (watched, rank)
) WITHOUT ROWID;

-- What happened on the host.
CREATE TABLE events (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       TEXT NOT NULL,
    domain   TEXT NOT NULL,
    key      TEXT NOT NULL,
    kind     TEXT NOT NULL,
    severity TEXT NOT NULL,
    message  TEXT NOT NULL
);
CREATE INDEX events_by_time ON events (at);
CREATE INDEX events_by_key ON events (key, domain);

-- Who did what. Rows are added, and go when they are old; none is ever changed.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      TEXT NOT NULL,
    who     TEXT NOT NULL,
    address TEXT NOT NULL,
    action  TEXT NOT NULL,
    target  TEXT NOT NULL,
    params  TEXT NOT NULL,  -- JSON object
    result  TEXT NOT NULL,
    status  INTEGER NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);

CREATE TRIGGER audit_rows_are_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never changed');
END;

CREATE TRIGGER audit_rows_are_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never changed');
END;
