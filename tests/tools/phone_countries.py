"""Writes config/phone_countries.csv from the numbering plans that the phonenumbers library ships.

Run: python -m tests.tools.phone_countries > config/phone_countries.csv
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

COLUMNS = (
    "country_code",
    "calling_code",
    "is_main_country",
    "exit_pattern",
    "trunk_pattern",
    "trunk_group",
    "trunk_rule",
    "national_pattern",
    "code_pattern",
)


def rows() -> Iterator[dict[str, str]]:
    """One row per country, in order of its code. Patterns are RE2 and match whole numbers or, for prefixes, the start."""
    for calling_code, regions in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()):
        plans = [(region, PhoneMetadata.metadata_for_region(region, None)) for region in regions]
        known = [(region, plan) for region, plan in plans if plan is not None]
        patterns = "|".join(dict.fromkeys(str(plan.general_desc.national_number_pattern) for _, plan in known))
        for position, (region, plan) in enumerate(known):
            rule = str(plan.national_prefix_transform_rule or "")
            yield {
                "country_code": region,
                "calling_code": str(calling_code),
                "is_main_country": "true" if position == 0 else "false",
                "exit_pattern": str(plan.international_prefix or ""),
                "trunk_pattern": str(plan.national_prefix_for_parsing or ""),
                "trunk_group": rule[rule.index("\\") + 1] if rule else "",
                "trunk_rule": rule,
                "national_pattern": str(plan.general_desc.national_number_pattern),
                "code_pattern": patterns if position == 0 else "",
            }


def main() -> None:
    """Print the CSV."""
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows(), key=lambda row: row["country_code"]))


if __name__ == "__main__":
    main()
