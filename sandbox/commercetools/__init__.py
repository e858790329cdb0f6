"""The commercetools stand-in: token endpoint, queries, updates and deletes over a store of documents."""
