"""Remember: the ledger of articles, the vectors in Chroma, the lexical index. Knows nothing of questions or Discord."""
