"""From a seed to the truth and the noisy sensors of it. Everything made here is labelled simulated."""
