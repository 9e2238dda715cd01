"""Activities as CSV: what the list shows, whole."""
