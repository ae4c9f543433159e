{#- Reports that are facts about an address: it is the report's own, else that of the dispatch, else the one that the user had then. -#}
{%- set stopping = "('bounced_hard', 'complained', 'unsubscribed')" -%}

with
    reports as (select * from {{ ref("int_messages__reports") }}),

    addresses as (select * from {{ ref("int_users__addresses") }}),

    dispatches as (select * from {{ ref("int_messages__dispatches") }}),

    caps as (select * from {{ ref("frequency_caps") }}),

    longest_window as (
        select {{ days_before(as_of(), "coalesce(max(window_days), 0) + 1") }} as counts_from from caps
    ),

    of_dispatches as (
        select dispatch_id, max(user_id) as user_id, max(address_hash) as address_hash
        from dispatches
        group by dispatch_id
    ),

    -- a message that was sent is asked of for as long as a cap counts it; what stops messages, for ever
    wanted as (
        select reports.*
        from reports
        cross join longest_window
        where
            reports.event_type in {{ stopping }}
            or reports.event_type = 'resubscribed'
            or (reports.event_type = 'sent' and reports.occurred_at >= longest_window.counts_from)
    ),

    -- what stops messages on a channel that nobody knows stops them on all
    by_channel as (
        select
            message_event_id, user_id, channel, event_type, occurred_at, occurred_until, dispatch_id, address
        from wanted
        where channel in ('email', 'sms', 'push')
        {%- for channel in ["email", "sms", "push"] %}
            union all
            select
                message_event_id,
                user_id,
                '{{ channel }}' as channel,
                event_type,
                occurred_at,
                occurred_until,
                dispatch_id,
                address
            from wanted
            where channel = 'unknown' and event_type in {{ stopping }}
        {%- endfor %}
    ),

    addressed as (
        select
            by_channel.message_event_id,
            by_channel.user_id,
            by_channel.channel,
            by_channel.event_type,
            by_channel.occurred_at,
            by_channel.occurred_until,
            by_channel.dispatch_id,
            coalesce(
                case
                    when {{ is_valid_address("by_channel.channel", "by_channel.address") }}
                    then {{ address_hash("by_channel.address") }}
                end,
                of_dispatches.address_hash,
                addresses.address_hash
            ) as address_hash
        from by_channel
        left join of_dispatches on by_channel.dispatch_id = of_dispatches.dispatch_id
        left join
            addresses
            on by_channel.user_id = addresses.user_id
            and by_channel.channel = addresses.channel
            -- what stops messages and has a day for its time is about every address of that day
            and case
                when by_channel.event_type in {{ stopping }}
                then by_channel.occurred_until
                else by_channel.occurred_at
            end
            >= addresses.held_from
            and by_channel.occurred_at < addresses.held_until
    ),

    -- whose message it was, our own ledger knows too: what stops messages counts for them as well
    final as (
        select *
        from addressed
        union all
        select
            addressed.message_event_id,
            of_dispatches.user_id,
            addressed.channel,
            addressed.event_type,
            addressed.occurred_at,
            addressed.occurred_until,
            addressed.dispatch_id,
            addressed.address_hash
        from addressed
        inner join of_dispatches on addressed.dispatch_id = of_dispatches.dispatch_id
        where addressed.event_type in {{ stopping }} and addressed.user_id <> of_dispatches.user_id
    )

select *
from final
