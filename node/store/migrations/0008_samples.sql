-- The history of numbers. Times are whole seconds since 1970 here: there are many rows, and each is small.

CREATE TABLE sample_series (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: points of a series that is gone are nobody else's
    metric   TEXT NOT NULL,
    labels   TEXT NOT NULL,  -- JSON: {name: value}, in the order of the names
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,  -- of the last point, or up to a minute before it
    UNIQUE (metric, labels)
);

-- The time comes first in the keys: what is written at one time, and what goes at one time, lies together, however
-- many series there are. A point of a series at a given time is one look-up.
CREATE TABLE samples_raw (
    at     INTEGER NOT NULL,  -- a multiple of 15
    series INTEGER NOT NULL,
    value  REAL NOT NULL,
    PRIMARY KEY (at, series)
) WITHOUT ROWID;

CREATE TABLE samples_minute (
    at      INTEGER NOT NULL,  -- a multiple of 60
    series  INTEGER NOT NULL,
    lowest  REAL,  -- NULL where all points were the average, and so below
    highest REAL,
    average REAL NOT NULL,
    points  INTEGER NOT NULL,
    PRIMARY KEY (at, series)
) WITHOUT ROWID;

CREATE TABLE samples_hour (
    at      INTEGER NOT NULL,  -- a multiple of 3600
    series  INTEGER NOT NULL,
    lowest  REAL,
    highest REAL,
    average REAL NOT NULL,
    points  INTEGER NOT NULL,
    PRIMARY KEY (at, series)
) WITHOUT ROWID;
