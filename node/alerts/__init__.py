"""Alerts: the engine that judges, the task that lets it, and the ways to tell people."""
