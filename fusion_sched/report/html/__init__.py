"""One page of HTML that opens from disk."""
