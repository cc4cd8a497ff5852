"""What each department delivers, one module a department."""
