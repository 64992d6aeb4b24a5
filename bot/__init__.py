"""Talk: the terminal and Discord, both pure renderings of what the engine answers."""
