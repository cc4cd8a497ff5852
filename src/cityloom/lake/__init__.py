"""Where data are kept, in layers: raw, std, base, theme. The only room that knows the table format."""
