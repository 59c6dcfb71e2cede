-- The Proxmox VE clusters that are watched, each as it was seen last: those registered at run time, and those of the
-- configuration, which are brought in line with it at each start.
CREATE TABLE clusters (
    id                  TEXT PRIMARY KEY NOT NULL,
    name                TEXT UNIQUE NOT NULL,
    api_endpoint        TEXT NOT NULL,
    status              TEXT NOT NULL,
    proxmox_version     TEXT NOT NULL,
    node_count          INTEGER NOT NULL,
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL,
    status_reason       TEXT,
    username            TEXT NOT NULL,
    auth                TEXT NOT NULL,
    token_name          TEXT NOT NULL,
    origin              TEXT NOT NULL,
    tls                 TEXT NOT NULL,  -- JSON: {verify, ca, fingerprint}
    failover            TEXT NOT NULL,  -- JSON: [endpoint]
    active_endpoint     TEXT NOT NULL,
    seen_fingerprint    TEXT NOT NULL,
    cluster_name        TEXT NOT NULL,
    quorate             INTEGER,
    nodes_online        INTEGER NOT NULL,
    guests_total        INTEGER NOT NULL,
    guests_running      INTEGER NOT NULL,
    storage_total_bytes INTEGER NOT NULL,
    storage_used_bytes  INTEGER NOT NULL,
    cpu_percent         REAL,
    cpu_cores           INTEGER NOT NULL,
    mem_used_bytes      INTEGER NOT NULL,
    mem_total_bytes     INTEGER NOT NULL,
    missing             TEXT NOT NULL,  -- JSON: [what could not be read]
    polled_at           TEXT,
    last_success_at     TEXT,
    failures            INTEGER NOT NULL,
    duration_ms         REAL,
    console_url         TEXT NOT NULL,
    sealed              TEXT NOT NULL   -- the password or token, encrypted with a key that is not in here
) WITHOUT ROWID;

-- What each consists of, as it was seen last.
CREATE TABLE cluster_nodes (
    cluster_id       TEXT NOT NULL REFERENCES clusters ON DELETE CASCADE,
    name             TEXT NOT NULL,
    status           TEXT NOT NULL,
    ip               TEXT NOT NULL,
    cpu_percent      REAL,
    cpu_cores        INTEGER NOT NULL,
    mem_used_bytes   INTEGER NOT NULL,
    mem_total_bytes  INTEGER NOT NULL,
    disk_used_bytes  INTEGER NOT NULL,
    disk_total_bytes INTEGER NOT NULL,
    uptime_sec       INTEGER NOT NULL,
    guests_running   INTEGER NOT NULL,
    error            TEXT,
    collected_at     TEXT NOT NULL,
    console_url      TEXT NOT NULL,
    PRIMARY KEY (cluster_id, name)
) WITHOUT ROWID;

CREATE TABLE cluster_guests (
    cluster_id       TEXT NOT NULL REFERENCES clusters ON DELETE CASCADE,
    vmid             INTEGER NOT NULL,
    name             TEXT NOT NULL,
    type             TEXT NOT NULL,
    node             TEXT NOT NULL,
    status           TEXT NOT NULL,
    template         INTEGER NOT NULL,
    cpu_percent      REAL,
    cpu_cores        REAL NOT NULL,
    mem_used_bytes   INTEGER NOT NULL,
    mem_total_bytes  INTEGER NOT NULL,
    disk_total_bytes INTEGER NOT NULL,
    uptime_sec       INTEGER NOT NULL,
    pool             TEXT NOT NULL,
    tags             TEXT NOT NULL,  -- JSON: [tag]
    lock             TEXT NOT NULL,
    ha_state         TEXT NOT NULL,
    error            TEXT,
    collected_at     TEXT NOT NULL,
    console_url      TEXT NOT NULL,
    PRIMARY KEY (cluster_id, vmid)
) WITHOUT ROWID;

CREATE TABLE cluster_storage (
    cluster_id   TEXT NOT NULL REFERENCES clusters ON DELETE CASCADE,
    name         TEXT NOT NULL,
    nodes        TEXT NOT NULL,  -- JSON: [node]; a local storage is one row a node
    shared       INTEGER NOT NULL,
    type         TEXT NOT NULL,
    content      TEXT NOT NULL,  -- JSON: [what it may hold]
    status       TEXT NOT NULL,
    used_bytes   INTEGER NOT NULL,
    total_bytes  INTEGER NOT NULL,
    used_percent REAL,
    error        TEXT,
    collected_at TEXT NOT NULL,
    PRIMARY KEY (cluster_id, name, nodes)
) WITHOUT ROWID;
