"""How a stream's answers can be smoothed: what options and streams both know."""

SMOOTHINGS = ("mean", "majority")
MOST_SMOOTHED = 255  # decisions
