"""CSV files of contacts and companies: taken in by the API, carried out by the worker, and taken back on demand."""
