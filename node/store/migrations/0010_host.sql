-- The host as it was seen last: one row at most. What its numbers were before stands with the samples.
CREATE TABLE host (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    collected_at TEXT NOT NULL,
    seen         TEXT NOT NULL  -- JSON: the whole of it
);
