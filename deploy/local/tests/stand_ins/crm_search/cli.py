"""A stand-in for the command of the search service."""

from stand_in import main

main("search")
