"""Table exchange: what the connectors of databases share."""
