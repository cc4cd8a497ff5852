"""Tasks that run by themselves: what is due, who does it, what happens when it fails or does not come."""
