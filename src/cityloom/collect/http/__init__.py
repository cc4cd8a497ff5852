"""What connectors over HTTP share: requests, credentials, paging and limits."""
