"""Labelled articles: reading, checking and writing them."""

from newsclf.corpus.store import Corpus, CorpusInfo, indicators, read_corpus, write_corpus

__all__ = ["Corpus", "CorpusInfo", "indicators", "read_corpus", "write_corpus"]
