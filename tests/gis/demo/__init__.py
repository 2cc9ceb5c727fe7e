SCALE = 0.05
"""Of the demo city that is looked at here."""
