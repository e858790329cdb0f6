"""Commands that write shipped files from third-party sources; the tests say when the files are stale."""
