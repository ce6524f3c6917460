"""What a page is built of: one file per kind of block, each a frozen dataclass that writes its own HTML and tells its
script what to draw. See `kinema.report` for how to add one."""
