"""A stand-in for the command of the reporting service."""

from stand_in import main

main("reporting")
