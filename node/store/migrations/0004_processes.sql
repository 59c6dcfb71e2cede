-- The watched processes as they were at the last look, and each watch of which none ran. Both tables are written whole.
CREATE TABLE processes (
    watch            TEXT NOT NULL,
    number           INTEGER NOT NULL,  -- their order
    pid              INTEGER,
    process_name     TEXT NOT NULL,
    cmdline          TEXT NOT NULL,
    start_time       TEXT,
    runtime_sec      REAL,
    cpu_percent      REAL,
    mem_rss_bytes    INTEGER,
    status           TEXT NOT NULL,
    collected_at     TEXT NOT NULL,
    user             TEXT NOT NULL,
    ppid             INTEGER,
    state            TEXT,
    threads          INTEGER,
    open_files       INTEGER,
    read_bytes       INTEGER,
    write_bytes      INTEGER,
    restarts         INTEGER NOT NULL,
    last_seen_at     TEXT,
    wchan            TEXT,
    cpu_host_percent REAL,
    recent_cpu       TEXT NOT NULL,  -- JSON: [percent or null]
    error_message    TEXT,
    PRIMARY KEY (watch, number)
) WITHOUT ROWID;

CREATE TABLE process_watches (
    name            TEXT PRIMARY KEY NOT NULL,
    looks_for       TEXT NOT NULL,
    running         INTEGER NOT NULL,
    min             INTEGER NOT NULL,
    max             INTEGER,
    state           TEXT NOT NULL,
    error_message   TEXT,
    starts          INTEGER NOT NULL,
    stops           INTEGER NOT NULL,
    restarts        INTEGER NOT NULL,
    last_started_at TEXT,
    last_stopped_at TEXT,
    since           TEXT,
    cpu_percent     REAL,
    mem_rss_bytes   INTEGER,
    may_kill        INTEGER NOT NULL,
    collected_at    TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE process_history (
    watch               TEXT NOT NULL,
    at                  TEXT NOT NULL,
    running             INTEGER NOT NULL,
    cpu_percent         REAL,
    mem_rss_bytes       INTEGER,
    read_bytes_per_sec  REAL,
    write_bytes_per_sec REAL,
    PRIMARY KEY (watch, at)
) WITHOUT ROWID;
