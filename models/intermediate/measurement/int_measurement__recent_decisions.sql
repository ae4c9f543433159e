{{ config(materialized="view") }}

with
    decisions as (select * from {{ ref("stg_ledger__decisions") }}),

    final as (
        select as_of, campaign_id, user_id, decision, primary_reason
        from decisions
        where as_of < {{ as_of() }} and as_of > {{ days_before(as_of(), 28) }}
    )

select *
from final
