"""What several measurements share, and the tables that one of them reads."""
