"""Talk: the terminal, Discord and assistants, all pure renderings of what the engine answers."""
