"""The BI guide's questions, and the dashboard that they make: a picture of the guide."""
