"""An upgrade and the way back, under load, with real processes of two trees: `make upgrade-drill` (decision 72)."""
