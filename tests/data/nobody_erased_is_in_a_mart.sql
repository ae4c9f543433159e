{{ config(tags=["gate"]) }}
{%- set marts = [
    "customers",
    "customer_segments",
    "merge_field_values",
    "campaign_decisions",
    "send_list",
    "site_engagement",
] %}

with
    erasure_requests as (select * from {{ ref("stg_landing__erasure_requests") }}),

    erased as (select distinct user_id from erasure_requests where requested_at < {{ as_of() }}),

    final as (
        {%- for mart in marts %}
            select '{{ mart }}' as mart, erased.user_id
            from erased
            inner join
                {{ ref(mart) }} as mart on erased.user_id = mart.user_id {{ "union all" if not loop.last }}
        {%- endfor %}
    )

select *
from final
