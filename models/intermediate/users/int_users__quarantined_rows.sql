{#-
    Rows that cannot be read and name somebody whom they might have stopped. Only a readable row that is surely the same thing, or a
    later version of it, takes the place of one. It is dated only by times that cannot lie before its own: what was created long
    ago may have changed today.
-#}
{%- set tables = [
    {
        "name": "users",
        "id": "user_id",
        "event": "'row'",
        "own_at": "cast(null as timestamp)",
        "newest_at": "cast(null as timestamp)",
        "version_at": "updated_at",
    },
    {
        "name": "events",
        "id": "event_id",
        "event": "event_name",
        "own_at": "occurred_at",
        "newest_at": "greatest(occurred_at, received_at)",
        "version_at": "occurred_at",
    },
    {
        "name": "support_tickets",
        "id": "ticket_id",
        "event": "'row'",
        "own_at": "updated_at",
        "newest_at": "updated_at",
        "version_at": "updated_at",
    },
    {
        "name": "message_events",
        "id": "message_event_id",
        "event": "event_type",
        "own_at": "occurred_at",
        "newest_at": "occurred_at",
        "version_at": "occurred_at",
    },
    {
        "name": "social_mentions",
        "id": "mention_id",
        "event": "'row'",
        "own_at": "posted_at",
        "newest_at": "posted_at",
        "version_at": "posted_at",
    },
] -%}
{#- of these, a row is a version of something, and the next version takes its place -#}
{%- set versioned = "('users', 'support_tickets')" -%}

with
    source_counts as (select table_name, file, landed_on from {{ ref("source_counts") }}),

    users as (select user_id from {{ ref("int_users__current") }}),

    addresses as (select * from {{ ref("int_users__addresses") }}),

    dispatches as (select * from {{ ref("int_messages__dispatches") }}),

    quarantined as (
        {%- for table in tables %}
            select
                '{{ table.name }}' as table_name,
                {{ loop.index }} as table_position,
                {{ table.id }} as row_id,
                -- an empty name is none
                nullif({{ table.event }}, '') as event_name,
                user_id,
                {{ "address" if table.name == "message_events" else "cast(null as " ~ text_type() ~ ")" }}
                as address,
                {{ "dispatch_id" if table.name == "message_events" else "cast(null as " ~ text_type() ~ ")" }}
                as dispatch_id,
                {{ table.own_at }} as own_at,
                {{ table.newest_at }} as newest_at,
                quarantine_reason as reason,
                file
            from {{ ref("base_landing__" ~ table.name) }}
            where
                quarantine_reason like 'missing!_%' escape '!'
                or quarantine_reason like 'bad!_%' escape '!' {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    dated_rows as (
        select quarantined.*, source_counts.landed_on
        from quarantined
        left join
            source_counts
            on quarantined.table_name = source_counts.table_name
            and quarantined.file = source_counts.file
    ),

    readable as (
        {%- for table in tables %}
            select
                '{{ table.name }}' as table_name,
                {{ table.id }} as row_id,
                user_id,
                {{ table.event }} as event_name,
                {{ table.version_at }} as version_at,
                file
            from {{ ref("base_landing__" ~ table.name) }}
            where
                quarantine_reason is null
                and {{ table.version_at }} < {{ as_of() }}
                and {{ table.id }} in (select row_id from quarantined where table_name = '{{ table.name }}')
                {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    dated_readable as (
        select readable.*, source_counts.landed_on
        from readable
        left join
            source_counts
            on readable.table_name = source_counts.table_name
            and readable.file = source_counts.file
    ),

    standing as (
        select *
        from dated_rows
        where
            not exists (
                select 1
                from dated_readable
                where
                    dated_readable.table_name = dated_rows.table_name
                    and dated_readable.row_id = dated_rows.row_id
                    -- an id may stand for rows of several people
                    and (dated_rows.user_id is null or dated_readable.user_id = dated_rows.user_id)
                    and case
                        -- what lands later may still be of before
                        when dated_rows.table_name in {{ versioned }} and dated_rows.own_at is not null
                        then dated_readable.version_at >= dated_rows.own_at
                        when dated_rows.table_name in {{ versioned }} or dated_rows.event_name is null
                        then
                            {{ has("dated_readable.landed_on > dated_rows.landed_on") }}
                            and coalesce(dated_rows.own_at, dated_readable.version_at)
                            = dated_readable.version_at
                        else dated_readable.event_name = dated_rows.event_name
                    end
            )
    ),

    -- a report whose user nobody is may still name the address of somebody, or a message of ours
    by_address as (
        select
            standing.table_name,
            standing.table_position,
            standing.reason,
            standing.own_at,
            standing.newest_at,
            dispatches.user_id as dispatched_to,
            coalesce(
                {{ address_hash("nullif(" ~ trimmed("standing.address") ~ ", '')") }}, dispatches.address_hash
            ) as address_hash
        from standing
        left join dispatches on standing.dispatch_id = dispatches.dispatch_id
        left join users on standing.user_id = users.user_id
        where users.user_id is null
    ),

    final as (
        select
            standing.user_id,
            standing.table_name,
            standing.table_position,
            standing.reason,
            standing.own_at,
            standing.newest_at
        from standing
        inner join users on standing.user_id = users.user_id
        union all
        select
            addresses.user_id,
            by_address.table_name,
            by_address.table_position,
            by_address.reason,
            by_address.own_at,
            by_address.newest_at
        from by_address
        inner join addresses on by_address.address_hash = addresses.address_hash
        where addresses.is_current
        union all
        select
            by_address.dispatched_to as user_id,
            by_address.table_name,
            by_address.table_position,
            by_address.reason,
            by_address.own_at,
            by_address.newest_at
        from by_address
        inner join users on by_address.dispatched_to = users.user_id
    )

select *
from final
