"""Local stand-ins for the commercetools and Iterable APIs: real HTTP servers on loopback, strict by the vendors' rules.

Start them with `python -m sandbox`; `docs/reference/sandbox.md` lists each rule that is enforced. Production code never
imports this package, and this package knows nothing of production code.
"""
