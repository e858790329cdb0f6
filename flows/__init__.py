"""A run as a plain list of steps, and the Prefect flow that walks the same list."""
