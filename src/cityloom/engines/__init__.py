"""Where sets are computed. The only room that imports an engine."""
