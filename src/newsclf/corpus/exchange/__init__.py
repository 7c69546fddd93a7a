"""Corpora out of other programs' files, and back."""
