"""Many movers: predict, gate, assign, born, dead. Trackers share the kernels and differ only in what they model."""
