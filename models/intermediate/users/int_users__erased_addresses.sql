{%- set columns = ["email", "phone", "push_token"] -%}

with
    users as (select * from {{ ref("stg_landing__users") }}),

    erased as (select * from {{ ref("int_users__erased") }}),

    -- of every version of the profile, old ones too
    addresses as (
        {%- for column in columns %}
            select user_id, lower({{ trimmed(column) }}) as address
            from users {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    judged as (
        select addresses.user_id, addresses.address, erased.user_id is not null as is_erased
        from addresses
        left join erased on addresses.user_id = erased.user_id
        where addresses.address <> ''
    ),

    -- what somebody else has too says nothing about whose a row is
    final as (
        select address from judged group by address having min(case when is_erased then 1 else 0 end) = 1
    )

select *
from final
