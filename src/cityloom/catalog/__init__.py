"""信息资源目录: compile, review, publish, mount, find, and where columns come from."""
