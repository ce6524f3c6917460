"""One file per measurement model: what a sensor sees of the state, and how well."""
