"""Prove a model's draft: which sentences of it are borne out by which sentences of the articles. Pure."""
