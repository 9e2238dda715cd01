"""The directory: tenants, their users, and who manages whom. Every other service keeps a replica of it."""
