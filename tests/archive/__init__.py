"""Months of the call log that are over."""
