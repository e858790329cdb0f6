"""The file of documents that the builder writes and the commercetools stand-in serves.

One row per resource: `resource` is the API path with underscores ("product_projections"), `body` the full REST document as
JSON text in UTF-8, `last_modified_at` and `created_at` the same text as in the document (UTC, milliseconds, "Z").
"""

TABLES = """
create table if not exists documents (
    resource text not null,
    id text not null,
    id_bin blob not null,
    last_modified_at text not null,
    created_at text not null,
    version integer not null,
    body blob not null,
    primary key (resource, id)
);
create table if not exists meta (key text primary key, value text not null);
"""

INDEXES = """
create index if not exists documents_by_last_modified on documents (resource, last_modified_at, id_bin);
create index if not exists documents_by_id_bin on documents (resource, id_bin);
create index if not exists messages_by_their_resource on documents (json_extract(cast(body as text), '$.resource.id'))
    where resource = 'messages' and json_valid(cast(body as text));
"""

SCHEMA = TABLES + INDEXES

RESOURCES = (
    "customers",
    "orders",
    "carts",
    "payments",
    "product_projections",
    "categories",
    "stores",
    "customer_groups",
    "channels",
    "types",
    "inventory",
    "discount_codes",
    "product_types",
    "states",
    "custom_objects",
    "business_units",
    "messages",
)


def id_bin(resource_id: str) -> bytes:
    """The 16 bytes by which commercetools sorts and compares an id: both halves of the UUID reversed.

    "00010203-0405-4007-8009-0a0b0c0d0e0f" becomes 07 40 05 04 03 02 01 00 0f 0e 0d 0c 0b 0a 09 80.

    Raises: ValueError if resource_id is not a UUID in its canonical text form.
    """
    raw = bytes.fromhex(resource_id.replace("-", ""))
    if len(raw) != 16:
        raise ValueError("a commercetools id is a UUID of 32 hexadecimal digits")
    return raw[7::-1] + raw[:7:-1]
