"""What is known of a document: features, text, what it resembles. Files are parsed in a process of their own."""
