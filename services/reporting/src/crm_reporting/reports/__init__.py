"""Reports: what the facts add up to, for the caller's eyes."""
