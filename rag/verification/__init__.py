"""Verify answers: quotes against stored articles, sentences of a model against sentences of the articles."""
