"""What is said of many cases at once: which cases, where they gather, since when, how rates stand, what is new."""
