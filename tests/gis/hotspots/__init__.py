"""Where cases gather, against the slow and obvious, PySAL, scikit-learn, null worlds and planted hotspots."""
