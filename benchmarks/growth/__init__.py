"""How CPU time grows with epochs, runs and rows."""
