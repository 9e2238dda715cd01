"""Who won a deal where that is another than who owns it today."""
