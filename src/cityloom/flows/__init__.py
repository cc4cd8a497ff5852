"""Where the rooms meet: the parts are built once, and the stages follow each other in one list."""
