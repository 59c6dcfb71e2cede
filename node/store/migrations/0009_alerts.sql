-- What is and was wrong. One that is open has no resolved_at, and there is one at most for each rule and label set.
CREATE TABLE alerts (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    rule             TEXT NOT NULL,
    metric           TEXT NOT NULL,
    labels           TEXT NOT NULL,  -- JSON: {name: value}, names in order
    severity         TEXT NOT NULL,
    state            TEXT NOT NULL,
    value            REAL,
    worst            REAL,
    condition        TEXT NOT NULL,
    summary          TEXT NOT NULL,
    description      TEXT NOT NULL,
    triggered_at     TEXT NOT NULL,
    active_at        TEXT,
    resolved_at      TEXT,
    resolved_because TEXT NOT NULL,
    acknowledged_at  TEXT,
    acknowledged_by  TEXT NOT NULL,
    comment          TEXT NOT NULL,
    notices          INTEGER NOT NULL,  -- delivered about it
    updated_at       TEXT NOT NULL,
    channels         TEXT,              -- JSON: [channel] of its rule; NULL is all
    owner            TEXT NOT NULL,     -- who states the number
    told_at          TEXT,              -- when it was given out to be told last; NULL while nobody is to know of it
    told             TEXT NOT NULL      -- JSON: [channel that heard of its beginning, and therefore hears of its end]
);
CREATE UNIQUE INDEX alerts_open ON alerts (rule, labels) WHERE resolved_at IS NULL;
CREATE INDEX alerts_resolved ON alerts (resolved_at);
CREATE INDEX alerts_by_rule ON alerts (rule);
CREATE INDEX alerts_by_severity ON alerts (severity);
CREATE INDEX alerts_by_time ON alerts (triggered_at);

-- The rules that were added over the API.
CREATE TABLE alert_rules (
    name       TEXT PRIMARY KEY NOT NULL,
    rule       TEXT NOT NULL,  -- JSON, as the API takes it
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    updated_by TEXT NOT NULL
) WITHOUT ROWID;

-- When nobody is told of some alerts.
CREATE TABLE alert_silences (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    rule       TEXT NOT NULL,
    labels     TEXT NOT NULL,  -- JSON: {name: matcher}
    reason     TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    starts_at  TEXT NOT NULL,
    ends_at    TEXT NOT NULL,
    said       TEXT NOT NULL   -- which of its events there are: '', 'began' or 'ended'
);
CREATE INDEX alert_silences_by_end ON alert_silences (ends_at);

-- Each notice to one channel and how far it got; waiting until it is sent or given up. As long as it was not tried,
-- what comes for the same channel is put into it.
CREATE TABLE alert_deliveries (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    key          TEXT UNIQUE NOT NULL,  -- the same at each try
    channel      TEXT NOT NULL,
    kind         TEXT NOT NULL,
    alerts       TEXT NOT NULL,         -- JSON: [id]
    title        TEXT NOT NULL,
    state        TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    created_at   TEXT NOT NULL,
    next_try_at  TEXT,
    sent_at      TEXT,
    error        TEXT,
    is_permanent INTEGER NOT NULL,
    tried_at     TEXT,
    ended_at     TEXT                   -- when it was sent, given up or suppressed
);
CREATE INDEX alert_deliveries_waiting ON alert_deliveries (channel) WHERE state = 'waiting';
CREATE INDEX alert_deliveries_ended ON alert_deliveries (ended_at);
CREATE INDEX alert_deliveries_by_channel ON alert_deliveries (channel, state);

-- What a waiting delivery tells: each alert as it was when that was decided.
CREATE TABLE alert_notices (
    delivery_id INTEGER NOT NULL REFERENCES alert_deliveries ON DELETE CASCADE,
    alert_id    INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    at          TEXT NOT NULL,
    alert       TEXT NOT NULL,  -- JSON
    PRIMARY KEY (delivery_id, alert_id, kind)
) WITHOUT ROWID;
