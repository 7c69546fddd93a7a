"""Arrays out of strings: tokens, TF-IDF and static embeddings."""
