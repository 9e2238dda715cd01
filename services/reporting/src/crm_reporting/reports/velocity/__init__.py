"""How much money the pipeline brings a day: what is open, times how often, how much and how fast deals are won."""
