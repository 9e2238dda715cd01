"""Reporting's database, read: SQL, one snapshot, rows as Arrow tables. Knows nothing of where they go."""
