"""From probabilities to tags."""
