"""The batch tagger: articles in, one line for each out, in order."""

from newsclf.tag.pipeline import Summary, tag_files

__all__ = ["Summary", "tag_files"]
