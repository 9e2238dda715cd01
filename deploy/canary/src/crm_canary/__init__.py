"""A client of the suite that lives on its public API alone: it moves a deal, and times when each part shows it."""
