select
    market_code,
    field
from intermediate.int_profiles__fields_of_iterable
