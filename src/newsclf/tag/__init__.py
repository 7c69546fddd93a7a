"""The batch tagger: articles in, one row for each out, in order, and every row accounted for."""

from newsclf.tag.pipeline import Summary, tag_files

__all__ = ["Summary", "tag_files"]
