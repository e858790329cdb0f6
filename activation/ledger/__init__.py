"""The delivery ledger: the only copy of what was planned, sent and decided."""
