"""Stories from the web: the GOV.UK APIs, and feeds."""
