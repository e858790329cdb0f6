"""The Iterable stand-in: rules of the vendor, enforced; `app.create_app` makes it an ASGI app."""
