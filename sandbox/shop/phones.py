"""Phone numbers as people type them: national, international, with extras, and plainly wrong.

Numbers come from ranges reserved for fiction where a country has one (US 555-01xx, Berlin 23125 xxx, London 7946 0xxx).
"""

from sandbox.shop.chance import draw_one

_WRONG = ("n/a", "123", "call my office", "+999 12345678", "")

FORMATS: dict[str, tuple[str, ...]] = {
    "us": ("(212) 555-01{n}", "+1 212 555 01{n}", "212.555.01{n}", "1-212-555-01{n}", "2125550 1{n}", "555-01{n}"),
    "de": ("030 231251{n}", "+49 30 231251{n}", "0049 30 231251{n}", "+49 (0)30 231251{n}", "030/23125-1{n}", "231"),
    "gb": ("020 7946 01{n}", "+44 20 7946 01{n}", "0044 20 7946 01{n}", "+44 (0)20 7946 01{n}", "(020) 7946 01{n}"),
    "jp": ("03-5550-01{n}", "+81 3-5550-01{n}", "0355500 1{n}", "０３－５５５０－０１{n}", "+81 (0)3 5550 01{n}"),
    "kw": ("2222 01{n}", "+965 2222 01{n}", "00965 222201{n}", "(965) 2222-01{n}"),
}

_WITH_PHONE, _IS_WRONG, _FORMAT = 40, 41, 42


def phone(market_code: str, household_id: int, which: int = 0) -> str | None:
    """A phone number of a household: None for one in eight, wrong for one in twelve. `which` tells its addresses apart."""
    key = household_id * 4 + which
    if draw_one(key, _WITH_PHONE) < 1 / 8:
        return None
    if draw_one(key, _IS_WRONG) < 1 / 12:
        return _WRONG[key % len(_WRONG)]
    formats = FORMATS[market_code]
    return formats[int(draw_one(key, _FORMAT) * len(formats))].format(n=f"{household_id % 100:02d}")
