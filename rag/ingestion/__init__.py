"""From a file to stored chunks with vectors."""
