"""Sample data: small generated datasets in the layout of the real ones."""
