-- Categories with the path from the root; the whole tree is loaded, because moving a parent
-- rewrites its descendants.
with source as (
    select * from {{ source('raw', 'categories') }}
),

opened as (
    select
        id,
        {{ json_open('document', {
            'key': 'text', 'name': 'localized', 'ancestors': [{'id': 'text'}]
        }) }} as doc
    from source
),

renamed as (
    select
        id as category_id,
        coalesce(doc.key, id) as category_key,
        doc.name as category_names,
        coalesce({{ list_map('doc.ancestors', 'ancestor', 'ancestor.id') }}, []) as ancestor_ids
    from opened
)

select * from renamed
