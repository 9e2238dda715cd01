"""CSV files of deals: what the shared engine must know of them."""
