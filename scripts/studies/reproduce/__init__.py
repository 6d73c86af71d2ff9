"""Every claim of arXiv 2509.20840 that can be checked, measured and put into one report."""
