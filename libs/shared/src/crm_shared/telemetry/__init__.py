"""Logs, metrics, traces and health: the same names in every process."""
