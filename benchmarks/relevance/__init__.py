"""Judged searches: which record each means is known from how it was made. Ranked by nDCG@10, class by class."""
