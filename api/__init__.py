"""How the world asks: over HTTP and on the command line."""
