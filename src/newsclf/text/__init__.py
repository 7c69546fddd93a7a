"""Arrays out of strings: tokens, TF-IDF and static embeddings. Nothing here reads an article file."""
