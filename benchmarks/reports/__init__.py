"""Reports over millions of deals, each beside DuckDB on the same rows in the same run."""
