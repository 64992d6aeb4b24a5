"""Data that the program ships: see NOTICE.md."""
