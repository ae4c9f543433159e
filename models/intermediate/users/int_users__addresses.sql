{#- Who could be reached where, and when: reports say which person a message went to, and this says which address that was. -#}
{%- set columns = {"email": "email", "sms": "phone", "push": "push_token"} -%}

with
    versions as (select * from {{ ref("int_users__versions") }}),

    delivered as (
        {%- for channel, column in columns.items() %}
            select
                user_id, '{{ channel }}' as channel, {{ trimmed(column) }} as address, updated_at, is_erased
            from versions
            where {{ has_column(column) }} {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    checked as (
        select
            *,
            {{ is_valid_address("channel", "address") }} as is_reachable,
            row_number() over (partition by user_id, channel order by updated_at) as version_number,
            lead(updated_at) over (partition by user_id, channel order by updated_at) as next_updated_at
        from delivered
    ),

    final as (
        select
            user_id,
            channel,
            address,
            {{ address_hash("nullif(address, '')") }} as address_hash,
            is_reachable,
            -- of the time before the first version nothing is known but what that says
            case when version_number = 1 then {{ first_time() }} else updated_at end as held_from,
            coalesce(next_updated_at, {{ last_time() }}) as held_until,
            next_updated_at is null as is_current
        from checked
    )

select *
from final
