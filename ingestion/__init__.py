"""Loads commercetools and Iterable's side into the warehouse with dlt. Knows nothing of dbt or of writing to Iterable."""
