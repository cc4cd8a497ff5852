"""数据共享: requests, grants, and services that answer under them."""
