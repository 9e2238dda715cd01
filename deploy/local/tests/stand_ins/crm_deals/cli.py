"""A stand-in for the command of the deals service."""

from stand_in import main

main("deals")
