"""Scripted far ends of the wire: Discord, a model server, an engine; nothing here is a test."""
