"""CSV files of activities: what the shared engine must know of them."""
