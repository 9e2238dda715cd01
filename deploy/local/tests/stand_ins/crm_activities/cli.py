"""A stand-in for the command of the activities service."""

from stand_in import main

main("activities")
