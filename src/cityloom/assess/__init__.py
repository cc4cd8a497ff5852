"""考核: departments are scored from the platform's own records."""
