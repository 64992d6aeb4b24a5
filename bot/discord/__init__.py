"""The Discord front end. Start at answering.py; the commands, mentions and buttons are in cogs/."""
