"""One file per way to solve: RANK (smaller is tried first), MODES, `applies(recording, options)`,
`solve(recording, options) -> Solution`. Modules must import fast."""
