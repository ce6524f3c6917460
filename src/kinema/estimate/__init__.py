"""Estimation: from a Recording to a Solution."""
