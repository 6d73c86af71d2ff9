"""Encoders, fusion modules and the network that joins them."""
