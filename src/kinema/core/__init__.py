"""Frozen nouns over read-only arrays. No Numba here, and no arithmetic beyond conversions."""
