"""Files in and out: one file of this folder per format, found by the folder or by an entry point."""
