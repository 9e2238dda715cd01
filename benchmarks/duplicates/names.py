"""Names to draw people from, common ones often, out of `words.toml`."""

import random
import tomllib
from collections.abc import Sequence
from itertools import accumulate, product
from pathlib import Path
from typing import Final

_WORDS: Final = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
FREE_MAIL: Final = tuple(_WORDS["free_mail"])
TITLES: Final = tuple(_WORDS["job_titles"])
TWINS: Final = tuple(tuple(pair.split("/")) for pair in _WORDS["twins"])
KEYBOARD: Final[dict[str, str]] = _WORDS["keyboard"]
CULTURES: Final[dict[str, int]] = _WORDS["cultures"]
RARE_SURNAMES: Final = tuple(
    "".join(parts) for parts in product(_WORDS["beginnings"], _WORDS["middles"], _WORDS["ends"])
)
RARE_SHARE: Final = 0.5


def _read_short_forms(*cultures: str) -> dict[str, list[str]]:
    named = (name.partition(":") for culture in cultures for name in _WORDS["first_names"][culture])
    return {whole: short.split(",") for whole, _, short in named if short}


SHORT_FORMS: Final = _read_short_forms(*_WORDS["first_names"])
ENGLISH_SHORT_FORMS: Final = _read_short_forms("english")


def _with_weights(names: Sequence[str]) -> tuple[Sequence[str], list[float]]:
    """Return names and their cumulated weights: the nth is 1/n**0.8 as common as the first, about as in a census."""
    return names, list(accumulate(1 / (rank + 2) ** 0.8 for rank in range(len(names))))


_FIRSTS: Final = {culture: _with_weights(names) for culture, names in _WORDS["first_names"].items()}
_LASTS: Final = {culture: _with_weights(names) for culture, names in _WORDS["surnames"].items()}


def draw_culture(chance: random.Random) -> str:
    return chance.choices(list(CULTURES), weights=list(CULTURES.values()))[0]


def draw_first(chance: random.Random, culture: str) -> str:
    names, weights = _FIRSTS[culture]
    return chance.choices(names, cum_weights=weights)[0].partition(":")[0]


def draw_last(chance: random.Random, culture: str) -> str:
    if chance.random() < RARE_SHARE:
        return chance.choice(RARE_SURNAMES)
    names, weights = _LASTS[culture]
    return chance.choices(names, cum_weights=weights)[0].replace("-la-", " la ")
