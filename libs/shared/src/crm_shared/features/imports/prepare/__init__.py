"""From bytes to rows that are ready to be written. Runs beside the worker, and asks it for what it needs."""
