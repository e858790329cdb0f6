"""Everything the demo adds to the real purchases: cancellations, returns, refunds and guests, one CSV row each.

`adjustments.csv` covers the whole year and all 801 households; a build uses the rows of its own baskets. The file is the truth
(the builder reads it); `python -m sandbox.shop adjustments` writes it anew and a test compares.

| kind | the row says |
|---|---|
| cancellation | the order of this basket was cancelled at occurred_at; it was never charged |
| full_refund | the whole order, amount_minor, was paid back at occurred_at |
| partial_refund | the line with product_id, amount_minor, was paid back at occurred_at |
| return | quantity pieces of product_id came back at occurred_at; money only if a refund row says so |
| guest_order | this basket was bought without logging in, with the address `email`: a person of their own |
| guest_order_shared | bought without logging in, with the address of the household's registered customer |
| guest_cart | at occurred_at a person without account left `email` on a cart with this basket's products |
| shared_email | this household's customer uses the address of other_household_id's, in lower case, in a store |

`occurred_at` is a time of the data set (as its transaction_timestamp); `amount_minor` is in minor units of the household's market.
"""

import csv
from dataclasses import astuple, dataclass, fields
from pathlib import Path

ADJUSTMENTS_CSV = Path(__file__).with_name("adjustments.csv")

KINDS = (
    "cancellation",
    "full_refund",
    "partial_refund",
    "return",
    "guest_order",
    "guest_order_shared",
    "guest_cart",
    "shared_email",
)


@dataclass(frozen=True, slots=True, order=True)
class Adjustment:
    """One row of the CSV; fields that a kind does not use are None."""

    kind: str
    household_id: int
    basket_id: int | None = None
    product_id: int | None = None
    quantity: int | None = None
    amount_minor: int | None = None
    occurred_at: str | None = None
    email: str | None = None
    other_household_id: int | None = None


COLUMNS = tuple(field.name for field in fields(Adjustment))
_TEXT_COLUMNS = {"kind", "occurred_at", "email"}


def read(path: Path = ADJUSTMENTS_CSV) -> list[Adjustment]:
    """The rows of an adjustments CSV, in the order of the file.

    Raises: ValueError if the header is not COLUMNS or a row has a kind that is not in KINDS.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = tuple(next(reader, ()))
        if header != COLUMNS:
            raise ValueError(f"{path.name}: expected the columns {', '.join(COLUMNS)}")
        return [_parse(path, number, row) for number, row in enumerate(reader, start=2)]


def write(path: Path, rows: list[Adjustment]) -> None:
    """Write the rows as CSV (UTF-8, unix line ends), in the order given."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(["" if value is None else value for value in astuple(row)] for row in rows)


def _parse(path: Path, number: int, row: list[str]) -> Adjustment:
    values = dict(zip(COLUMNS, row, strict=True))
    if values["kind"] not in KINDS:
        raise ValueError(f"{path.name} line {number}: unknown kind {values['kind']!r}, expected one of {', '.join(KINDS)}")
    typed = {name: None if text == "" else text if name in _TEXT_COLUMNS else int(text) for name, text in values.items()}
    return Adjustment(**typed)  # type: ignore[arg-type]
