"""What the last release promised to those who go on running it beside this tree, and what this tree breaks of it.

`python -m crm_testing.baseline` writes it down at a release; `tests/contract/test_upgrade.py` compares (decision 71).
"""
