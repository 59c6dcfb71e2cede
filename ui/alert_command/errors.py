"""What keeps `etlmon alert` from asking a node at all."""


class UsageError(Exception):
    """What was typed cannot be done; the message says why, and what to type instead."""
