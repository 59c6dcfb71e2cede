-- Every log that was ever configured, while lines of it are stored. `number` stands in the ids of its lines; it is
-- never given to another log.
CREATE TABLE logs (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT UNIQUE NOT NULL,
    configured     INTEGER NOT NULL,
    path           TEXT NOT NULL,
    status         TEXT NOT NULL,
    size_bytes     INTEGER NOT NULL,
    offset         INTEGER NOT NULL,
    lag_bytes      INTEGER NOT NULL,
    inode          INTEGER,
    lines_total    INTEGER NOT NULL,
    lines_per_sec  REAL NOT NULL,
    last_line_at   TEXT,
    paused         INTEGER NOT NULL,
    rotations      INTEGER NOT NULL,
    gaps           INTEGER NOT NULL,
    lost_bytes     INTEGER NOT NULL,
    last_gap_at    TEXT,
    error_message  TEXT,
    collected_at   TEXT NOT NULL,
    files          INTEGER NOT NULL,
    polled         INTEGER NOT NULL,
    last_seq       INTEGER NOT NULL,
    matches        TEXT NOT NULL,  -- JSON: {"errors": 3}
    errors_per_min REAL NOT NULL
);

-- id = number << 40 | seq; seq is dense in its log. Rows go from the oldest on only.
CREATE TABLE log_lines (
    id           INTEGER PRIMARY KEY,
    created_at   TEXT NOT NULL,
    source_inode INTEGER,
    source       INTEGER NOT NULL,  -- log_files.source
    flags        INTEGER NOT NULL,  -- 1 truncated, 2 partial, severity << 2: 1 info, 2 warning, 3 error
    line         TEXT NOT NULL
);

-- The lines that matched something: errors are few, and found without reading what lies between them.
CREATE INDEX log_lines_severe ON log_lines (id, flags) WHERE flags >= 4;

-- The files that the stored lines of a log came from.
CREATE TABLE log_files (
    source   INTEGER PRIMARY KEY,
    number   INTEGER NOT NULL,
    path     TEXT NOT NULL,
    last_seq INTEGER NOT NULL,  -- of the newest line that came from it
    UNIQUE (number, path)
);

-- Where the tails are: `owner` is logs:NAME or xferlog. It is written with the lines it speaks of.
CREATE TABLE tail_places (
    owner      TEXT NOT NULL,
    key        INTEGER NOT NULL,
    path       TEXT NOT NULL,
    device     INTEGER NOT NULL,
    inode      INTEGER NOT NULL,
    generation INTEGER NOT NULL,  -- of the inode, where the file system has one
    target     TEXT NOT NULL,     -- where a symbolic link led
    offset     INTEGER NOT NULL,
    head_bytes INTEGER NOT NULL,
    head       TEXT NOT NULL,
    anchor     TEXT NOT NULL,
    skipping   INTEGER NOT NULL,
    rotated    INTEGER NOT NULL,
    ended      INTEGER NOT NULL,
    seen_at    REAL NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;

-- What may be missing.
CREATE TABLE tail_gaps (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner      TEXT NOT NULL,
    at         TEXT NOT NULL,
    path       TEXT NOT NULL,
    inode      INTEGER,
    offset     INTEGER NOT NULL,
    lost_bytes INTEGER,
    reason     TEXT NOT NULL,
    message    TEXT NOT NULL,
    seq        INTEGER NOT NULL
);
CREATE INDEX tail_gaps_by_owner ON tail_gaps (owner, id);
CREATE INDEX tail_gaps_by_seq ON tail_gaps (owner, seq);
CREATE INDEX tail_gaps_by_time ON tail_gaps (at);
