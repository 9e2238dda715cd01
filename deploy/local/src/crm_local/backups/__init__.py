"""Backups of the suite's PostgreSQL, and what brings a service back from one to an earlier moment."""
