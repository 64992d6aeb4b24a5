"""Steps 3 and 4: is there an answer, which sentences are it, and how is it written."""
