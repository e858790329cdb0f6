"""The demo's shop: a year of real grocery shopping as commercetools documents, and one scripted day of changes.

`build` writes the documents, `adjustments` lists everything that was added to the real purchases, `day` is the script.
"""
