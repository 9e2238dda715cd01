"""What a service keeps of other services' records: enough to check a reference and to name it."""
