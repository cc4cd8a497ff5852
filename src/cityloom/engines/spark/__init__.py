"""The distributed engine: queries of the platform, answered by an Apache Spark 4 cluster through Spark Connect."""
