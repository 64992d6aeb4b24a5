"""What people do in Discord: commands, mentions, buttons."""
