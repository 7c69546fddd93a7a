"""What may be wrong with a corpus: texts, duplicates, labels, splits."""
