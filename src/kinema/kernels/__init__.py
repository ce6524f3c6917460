"""Numbers only, compiled. Kernels trust their input, write into what they are given, return a status, never raise."""
