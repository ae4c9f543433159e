with
    dispatches as (select * from {{ ref("stg_ledger__dispatches") }}),

    cancellations as (select * from {{ ref("stg_ledger__cancellations") }}),

    addresses as (select * from {{ ref("int_users__addresses") }}),

    taken_back as (select distinct dispatch_id from cancellations where cancelled_at < {{ as_of() }}),

    -- ledgers of older versions know neither the address nor the journey
    final as (
        select
            dispatches.as_of,
            dispatches.dispatch_id,
            dispatches.user_id,
            dispatches.campaign_id,
            dispatches.channel,
            dispatches.send_at,
            coalesce(dispatches.address_hash, addresses.address_hash) as address_hash,
            coalesce(dispatches.journey_started_at, dispatches.as_of) as journey_started_at,
            taken_back.dispatch_id is not null as is_taken_back
        from dispatches
        left join
            addresses
            on dispatches.user_id = addresses.user_id
            and dispatches.channel = addresses.channel
            and dispatches.send_at >= addresses.held_from
            and dispatches.send_at < addresses.held_until
        left join taken_back on dispatches.dispatch_id = taken_back.dispatch_id
        where dispatches.as_of < {{ as_of() }}
    )

select *
from final
