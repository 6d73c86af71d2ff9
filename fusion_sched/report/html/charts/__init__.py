"""Figures about runs, as plotly's JSON."""
