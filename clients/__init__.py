"""How to speak to each vendor: authentication, time-outs, retries, limits. The only place that opens an HTTP connection."""
