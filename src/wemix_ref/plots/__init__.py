"""Pictures with matplotlib, which is imported when the first one is drawn.

No module here touches pyplot or matplotlib's settings: every picture is drawn on Axes that are
given, or on those of a new Figure, and needs no display.
"""
