"""cartwire: reverse ETL from commercetools to Iterable. This package is the kernel; it imports no other room of the house."""

__version__ = "0.1.0"
