"""A stand-in for the command of the contacts service."""

from stand_in import main

main("contacts")
