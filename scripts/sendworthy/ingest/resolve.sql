-- From the reports of one file to rows of message_events. Given: the tables `reports` (one row a report, all texts, made by sources/*.sql),
-- event_types, dispatches, addresses and campaigns (lookups.py). Left behind: `outcomes`, a row for each report and each
-- event type and channel that it stands for, with why it does not land (`fate`, null where it does); and `landed`, the rows that do.
create or replace temp macro moment(word) as
case
    -- seconds since 1970, with a fraction or without; thirteen digits are milliseconds
    when regexp_full_match(word, '[0-9]{1,10}([.][0-9]+)?')
    then make_timestamp(cast(round(cast(word as double) * 1000000) as bigint))
    when regexp_full_match(word, '[0-9]{13}') then make_timestamp(cast(word as bigint) * 1000)
    when regexp_full_match(word, '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?') then try_cast(word as timestamp)
    when regexp_full_match(word, '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z| ?[+-][0-9]{2}(:?[0-9]{2})?)')
    then try_cast(replace(replace(word, ' +', '+'), ' -', '-') as timestamptz) at time zone 'UTC'
end;

create or replace temp table understood as
with
    told as materialized (
        select
            nullif(trim(event), '') as event,
            lower(trim(coalesce(qualifier, ''))) as qualifier,
            -- an id of any length makes an id of ours
            case when length(event_id) > 200 then md5(event_id) else event_id end as event_id,
            moment(trim(occurred)) as occurred_at,
            nullif(lower(trim(channel)), '') as channel,
            nullif(trim(dispatch_id), '') as dispatch_id,
            nullif(trim(user_id), '') as user_id,
            nullif(trim(campaign_id), '') as campaign_id,
            nullif(trim(variant), '') as variant,
            nullif(trim(esp_campaign_id), '') as esp_campaign_id,
            nullif(trim(esp_campaign_name), '') as esp_campaign_name,
            nullif(lower(trim(address)), '') as address_key,
            try_cast(is_machine as boolean) as is_machine
        from reports
    )

select
    row_number() over () as report,
    told.* exclude (channel, is_machine),
    coalesce(exact.event, any_other.event) is not null as is_known,
    coalesce(exact.event_type, any_other.event_type) as event_types,
    coalesce(told.channel, exact.channel, any_other.channel) as channels,
    coalesce(told.is_machine, exact.is_machine, any_other.is_machine) as is_machine
from told
left join event_types as exact on lower(told.event) = exact.event and told.qualifier = exact.qualifier and told.qualifier <> ''
left join event_types as any_other on lower(told.event) = any_other.event and any_other.qualifier = '';

-- one row an event type and channel: a few events stand for several
create or replace temp table meant as
with
    typed as (
        select *, unnest(string_split(event_types, ';')) as event_type
        from understood
        where is_known and event_types is not null and occurred_at is not null and channels is not null
    ),

    apart as (select *, unnest(string_split(channels, ';')) as channel from typed)

select
    * exclude (event_types, channels, is_machine, is_known),
    '{esp}:'
    || event_id
    || case when contains(event_types, ';') then ':' || event_type else '' end
    || case when contains(channels, ';') then ':' || channel else '' end as message_event_id,
    case when event_type = 'opened' then is_machine end as is_machine_open,
    event_type in ('bounced_hard', 'bounced_soft', 'complained', 'unsubscribed') as is_about_the_address
from apart;

-- whose it is: by the dispatch, which is surest; as the report says; by the address, where it says no more
create or replace temp table owned as
with
    holders as (select channel, address_key, count(*) as holders from addresses group by channel, address_key),

    by_dispatch as (
        select
            meant.* exclude (user_id, campaign_id, variant),
            coalesce(dispatches.user_id, meant.user_id) as user_id,
            coalesce(dispatches.campaign_id, meant.campaign_id, by_id.campaign_id, by_name.campaign_id) as campaign_id,
            coalesce(dispatches.variant, meant.variant) as variant
        from meant
        left join dispatches using (dispatch_id)
        left join campaigns as by_id on by_id.esp_campaign_id = meant.esp_campaign_id
        -- a campaign that the provider calls by our id needs no line in the settings
        left join campaigns as by_name on by_name.own_name = meant.esp_campaign_name
    ),

    by_address as (
        select
            by_dispatch.* exclude (user_id, message_event_id),
            coalesce(by_dispatch.user_id, addresses.user_id) as user_id,
            -- what concerns an address concerns everybody who has it: a row each
            message_event_id
            || case when addresses.user_id is not null and is_about_the_address then ':' || md5(addresses.user_id) else '' end
            as message_event_id,
            case
                when by_dispatch.user_id is not null then null
                when addresses.user_id is not null then null
                when by_dispatch.address_key is null and by_dispatch.dispatch_id is not null then 'unknown_dispatch'
                when by_dispatch.address_key is null then 'nobody_named'
                when holders.holders > 1 then 'several_have_the_address'
                else 'unknown_address'
            end as fate
        from by_dispatch
        left join
            holders
            on by_dispatch.user_id is null
            and by_dispatch.channel = holders.channel
            and by_dispatch.address_key = holders.address_key
        left join
            addresses
            on by_dispatch.user_id is null
            and by_dispatch.channel = addresses.channel
            and by_dispatch.address_key = addresses.address_key
            and (holders.holders = 1 or by_dispatch.is_about_the_address)
    )

select *
from by_address;

-- which dispatch of ours it reports on, where only the person and the campaign are known: the newest that had been made by then.
-- A message that went out after its dispatch had expired is one of its own.
create or replace temp table outcomes as
with
    dispatched as (
        select owned.report, owned.message_event_id, max_by(dispatches.dispatch_id, (dispatches.as_of, dispatches.dispatch_id)) as dispatch_id
        from owned
        inner join
            dispatches
            on owned.user_id = dispatches.user_id
            and owned.campaign_id = dispatches.campaign_id
            and owned.channel = dispatches.channel
            and owned.occurred_at >= dispatches.as_of
            and (owned.event_type <> 'sent' or owned.occurred_at <= dispatches.valid_until)
        where owned.dispatch_id is null
        group by owned.report, owned.message_event_id
    ),

    completed as (
        select
            owned.* exclude (dispatch_id, variant),
            coalesce(owned.dispatch_id, dispatched.dispatch_id) as dispatch_id,
            coalesce(owned.variant, dispatches.variant) as variant
        from owned
        left join dispatched using (report, message_event_id)
        left join dispatches on dispatched.dispatch_id = dispatches.dispatch_id
    ),

    numbered as (
        select
            *,
            row_number() over (
                partition by message_event_id, fate is null
                order by occurred_at, user_id, campaign_id nulls last, variant nulls last, event_type, channel, dispatch_id nulls last, is_machine_open nulls last
            ) as delivery
        from completed
    )

select * exclude (fate, delivery), coalesce(fate, case when delivery > 1 then 'duplicate' end) as fate
from numbered;

create or replace temp view landed as
select message_event_id, user_id, campaign_id, channel, variant, event_type, occurred_at, dispatch_id, is_machine_open
from outcomes
where fate is null
order by message_event_id;
