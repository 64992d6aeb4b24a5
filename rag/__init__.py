"""Think: from a question to a proven answer. Start reading at rag/engine.py."""
