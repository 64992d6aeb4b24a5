"""The terminal front end: the commands `ask` and `dateline`."""
