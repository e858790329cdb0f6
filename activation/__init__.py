"""The way out: gate, freeze, deliver, settle, fold, publish, and the ledger they share."""
