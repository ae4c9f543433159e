-- From the reports of one file to rows of message_events. Given: the tables `reports` (one row a
-- report, texts made by sources/*.sql, and read_at, when it was read first), event_types, dispatches,
-- users, addresses and campaigns (lookups.py). Left behind: `understood`, a row for each report;
-- `outcomes`, a row for each report, event type and channel, with why it does not land (`fate`, null
-- where it does); `landed`, the rows that do; `kept`, the reports that stop messages, or may, and do
-- not land.
-- a text without white space and invisible characters at both ends; null where nothing is left
create or replace temp macro filled(word) as nullif(regexp_replace(word, '^[\p{Z}\p{Cc}\p{Cf}]+|[\p{Z}\p{Cc}\p{Cf}]+$', '', 'g'), '');

-- as the contract reads times: seconds, milliseconds or microseconds since 1970, or ISO 8601
create or replace temp macro moment(word) as
case
    when regexp_full_match(word, '[0-9]+([.][0-9]+)?([eE][+]?[0-9]+)?')
    then
        case
            when try_cast(word as double) between 1e9 and 9999999999 then make_timestamp(cast(round(try_cast(word as double) * 1e6) as bigint))
            when try_cast(word as double) between 1e12 and 9999999999999 then make_timestamp(cast(round(try_cast(word as double) * 1e3) as bigint))
            when try_cast(word as double) between 1e15 and 9999999999999999 then make_timestamp(cast(round(try_cast(word as double)) as bigint))
        end
    when regexp_full_match(word, '[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?') then try_cast(upper(word) as timestamp)
    when
        regexp_full_match(
            word,
            '[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?( ?[Zz]| ?UTC| ?[+-](0[0-9]|1[0-5])(:?[0-9]{2})?)'
        )
    then
        try_cast(
            concat(
                left(word, 10),
                ' ',
                word[12:16],
                coalesce(nullif(regexp_extract(word, '^.{16}(:[0-9.]+)', 1), ''), ':00'),
                coalesce(nullif(regexp_extract(word, '[+-][0-9]{2}:?[0-9]{0,2}$'), ''), '+00')
            ) as timestamptz
        ) at time zone 'UTC'
end;

-- whether a name that nobody has translated looks like something that stops messages
create or replace temp macro suggests_stopping(name) as regexp_matches(
    name,
    '(?i)unsub|spam|complain|abuse|junk|bounce|suppress|opt(ed)?[-_ .]?out|block|reject|undeliver|revoke|withdr|do[-_ .]?not|(^|[^a-z])stop|(^|[^a-z])(dnd|quit|left|leave)([^a-z]|$)|clean|remov|delet|eras|gdpr|forget|fail|invalid|inactiv|deactiv|disab'
);

create or replace temp macro stops_messages(event_type) as event_type in ('bounced_hard', 'complained', 'unsubscribed');

create or replace temp macro is_about_an_address(event_type) as stops_messages(event_type) or event_type = 'bounced_soft';

create or replace temp table numbered_reports as
select row_number() over () as report, *
from reports;

create or replace temp table understood as
with
    cleaned as materialized (
        select
            report,
            read_at,
            filled(event) as event,
            coalesce(lower(filled(qualifier)), '') as qualifier,
            -- an id of any length makes an id of ours
            case when length(event_id) > 200 then md5(event_id) else event_id end as event_id,
            moment(filled(occurred)) as occurred_at,
            length(filled(occurred)) = 10 and contains(occurred, '-') as is_whole_day,
            lower(filled(channel)) as channel,
            -- one of our form may come back in capitals, or as a UUID; of any other, case counts
            case
                when regexp_full_match(filled(dispatch_id), '[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}')
                then lower(replace(filled(dispatch_id), '-', ''))
                else filled(dispatch_id)
            end as dispatch_id,
            -- a whole number with a zero fraction is that number
            regexp_replace(filled(user_id), '^([0-9]+)[.]0+$', '\1') as user_id,
            filled(campaign_id) as campaign_id,
            filled(variant) as variant,
            filled(esp_campaign_id) as esp_campaign_id,
            filled(esp_campaign_name) as esp_campaign_name,
            filled(address) as address,
            try_cast(is_machine as boolean) as is_machine
        from numbered_reports
    ),

    typed as (
        select
            cleaned.* exclude (channel, is_machine, address),
            coalesce(exact.event, any_other.event) is not null as is_known,
            -- what the qualifier means is not known, and the event alone means nothing here
            exact.event is null and cleaned.qualifier <> '' as is_guessed,
            coalesce(exact.event_type, any_other.event_type) as event_types,
            coalesce(cleaned.channel, exact.channel, any_other.channel) as channels,
            coalesce(cleaned.is_machine, exact.is_machine, any_other.is_machine) as is_machine,
            -- of a phone number, the digits are what it is known by
            case when contains(address, '@') then lower(address)
            else coalesce(nullif(regexp_extract(regexp_replace(address, '[ ().-]', '', 'g'), '^[+]?[0-9]{7,15}$'), ''), lower(address)) end as address_key
        from cleaned
        left join
            event_types as exact
            on lower(cleaned.event) = exact.event and cleaned.qualifier = exact.qualifier and cleaned.qualifier <> ''
        left join event_types as any_other on lower(cleaned.event) = any_other.event and any_other.qualifier = ''
    )

select
    * exclude (channels),
    -- what stops messages and names no channel that is known stops them on all
    case
        when stops_messages(event_types) and not coalesce(list_has_all(['email', 'sms', 'push', 'whatsapp'], string_split(channels, ';')), false)
        then 'email;sms;push'
        else channels
    end as channels,
    case
        when contains(address_key, '@') then 'email'
        when regexp_full_match(address_key, '[+]?[0-9]{7,15}') then 'sms'
        when address_key is not null then 'push'
    end as address_channel,
    sha256(address_key) as address_hash,
    case
        when event is null then 'no_event'
        when not is_known and suggests_stopping(event) then 'unknown_event'
        when is_known and event_types is null and is_guessed and suggests_stopping(qualifier) then 'unknown_event'
    end as why_it_may_stop
from typed;

-- one row an event type, a channel and a time: a few events stand for several
create or replace temp table meant as
with
    typed as (
        select *, unnest(string_split(event_types, ';')) as event_type
        from understood
        where is_known and event_types is not null and channels is not null
    ),

    judged as (
        select
            * exclude (occurred_at),
            is_about_an_address(event_type) as is_about_the_address,
            -- nobody reports from before 2000; a whole day ends with its last moment where it stops a
            -- message
            case
                when is_about_the_address and (occurred_at < '2000-01-01' or occurred_at > getvariable('now') + interval 1 hour) then null
                when is_about_the_address and is_whole_day and occurred_at is not null then least(occurred_at + interval 1 day - interval 1 microsecond, getvariable('now'))
                else occurred_at
            end as occurred_at
        from typed
    ),

    timed as (
        select
            * exclude (occurred_at),
            occurred_at is null as is_untimed,
            -- without a time that can be read it counts from when it was read: from the end of the day
            -- before, so that the night of that day sees it, and once more from the moment itself, so
            -- that no consent from in between undoes it
            unnest(
                case
                    when occurred_at is not null then [{'at': occurred_at, 'mark': ''}]
                    when is_about_the_address
                    then [
                        {'at': date_trunc('day', read_at) - interval 1 microsecond, 'mark': ':day_before'},
                        {'at': read_at, 'mark': ''}
                    ]
                    else []
                end
            ) as moment
        from judged
    ),

    apart as (select *, unnest(string_split(channels, ';')) as channel from timed)

select
    * exclude (event_types, channels, is_machine, is_known, is_guessed, moment, why_it_may_stop, is_whole_day),
    moment.at as occurred_at,
    '{esp}:'
    || event_id
    || case when contains(event_types, ';') then ':' || event_type else '' end
    || case when contains(channels, ';') then ':' || channel else '' end
    || moment.mark as message_event_id,
    case when event_type = 'opened' then is_machine end as is_machine_open,
    -- which address it was about: one of the message's own channel
    case when address_channel = case channel when 'whatsapp' then 'sms' else channel end then address_key end as address
from apart;

-- Whose it is: by the dispatch, which is surest; as the report says, where somebody has that id; by the
-- address. What concerns an address concerns everybody who has it, or had it when a message of ours
-- went there: a row each.
create or replace temp table owned as
with
    counted as (
        select address_channel, address_hash, count(*) filter (where has_it_now) as now_have_it, count(*) as ever_had_it
        from addresses
        group by address_channel, address_hash
    ),

    by_dispatch as (
        select
            meant.* exclude (user_id, campaign_id, variant),
            dispatches.user_id as dispatched_to,
            coalesce(dispatches.user_id, meant.user_id) as user_id,
            -- without a published file, nobody's id is looked up
            dispatches.user_id is not null or users.user_id is not null or not exists (from users) as is_known_user,
            coalesce(dispatches.campaign_id, meant.campaign_id, by_id.campaign_id, by_name.campaign_id) as campaign_id,
            coalesce(dispatches.variant, meant.variant) as variant
        from meant
        left join dispatches on meant.dispatch_id = dispatches.dispatch_id
        left join users on meant.user_id = users.user_id
        left join campaigns as by_id on by_id.esp_campaign_id = meant.esp_campaign_id
        -- a campaign that the provider calls by our id needs no line in the settings
        left join campaigns as by_name on by_name.own_name = meant.esp_campaign_name
    ),

    asked as (
        select by_dispatch.*, coalesce(now_have_it, 0) as now_have_it, coalesce(ever_had_it, 0) as ever_had_it
        from by_dispatch
        left join counted using (address_channel, address_hash)
    ),

    by_address as (
        select asked.* exclude (user_id), addresses.user_id
        from asked
        inner join addresses using (address_channel, address_hash)
        where
            (asked.user_id is null or not asked.is_known_user)
            and asked.user_id is distinct from addresses.user_id
            and (is_about_the_address or (has_it_now and now_have_it = 1) or (now_have_it = 0 and ever_had_it = 1))
    ),

    found as (
        -- an id that nobody has yet may be of somebody who came since: what concerns an address counts
        -- for it, too
        select asked.*, false as is_by_address
        from asked
        where
            user_id is not null
            and (is_known_user or is_about_the_address or not (now_have_it = 1 or (now_have_it = 0 and ever_had_it = 1)))
        union all by name
        select *, true as is_by_address
        from by_address
    )

select
    found.* exclude (message_event_id, now_have_it, ever_had_it, is_known_user, dispatched_to),
    message_event_id || case when is_by_address and is_about_the_address then ':' || md5(user_id) else '' end as message_event_id,
    cast(null as text) as fate
from found
union all by name
select
    asked.* exclude (now_have_it, ever_had_it, is_known_user, dispatched_to),
    false as is_by_address,
    case
        when address_hash is null and dispatch_id is not null then 'unknown_dispatch'
        when address_hash is null then 'nobody_named'
        when ever_had_it > 0 then 'several_have_the_address'
        else 'unknown_address'
    end as fate
from asked
where
    user_id is null
    and not ((is_about_the_address and ever_had_it > 0) or now_have_it = 1 or (now_have_it = 0 and ever_had_it = 1));

-- which dispatch of ours it reports on, where only the person and the campaign are known: the newest
-- that had been made by then. A message that went out after its dispatch had expired is one of its own.
create or replace temp table outcomes as
with
    dispatched as (
        select
            owned.report,
            owned.message_event_id,
            owned.user_id,
            max_by(dispatches.dispatch_id, (dispatches.as_of, dispatches.dispatch_id)) as dispatch_id
        from owned
        inner join
            dispatches
            on owned.user_id = dispatches.user_id
            and owned.campaign_id = dispatches.campaign_id
            and owned.channel = dispatches.channel
            and owned.occurred_at >= dispatches.as_of
            and (owned.event_type <> 'sent' or owned.occurred_at <= dispatches.valid_until)
        where owned.dispatch_id is null
        group by owned.report, owned.message_event_id, owned.user_id
    ),

    completed as (
        select
            owned.* exclude (dispatch_id, variant),
            coalesce(owned.dispatch_id, dispatched.dispatch_id) as dispatch_id,
            coalesce(owned.variant, dispatches.variant) as variant
        from owned
        left join dispatched using (report, message_event_id, user_id)
        left join dispatches on dispatched.dispatch_id = dispatches.dispatch_id
    ),

-- an id that the provider gives to reports of several people is made one for each of them
    apart as (
        select
            * exclude (message_event_id),
            message_event_id
            || case
                when fate is null and min(user_id) over same_id <> max(user_id) over same_id then ':' || md5(user_id)
                else ''
            end as message_event_id
        from completed
        window same_id as (partition by message_event_id, event_type, fate is null)
    ),

    numbered as (
        select
            *,
            -- reports of one id that differ in what happened are no duplicates of each other
            row_number() over (
                partition by message_event_id, event_type, fate is null
                order by
                    occurred_at, user_id, campaign_id nulls last, variant nulls last, channel, dispatch_id nulls last, is_machine_open nulls last, address nulls last
            ) as delivery
        from apart
    )

select * exclude (fate, delivery), coalesce(fate, case when delivery > 1 then 'duplicate' end) as fate
from numbered;

create or replace temp view landed as
select message_event_id, user_id, campaign_id, channel, variant, event_type, occurred_at, dispatch_id, address, is_machine_open
from outcomes
where fate is null
order by message_event_id, event_type;

-- what stops messages, or may, and does not land
create or replace temp table kept as
select report, why_it_may_stop as reason, event as event
from understood
where why_it_may_stop is not null
union all
select report, min(fate) as reason, null as event
from outcomes
where stops_messages(event_type) and fate <> 'duplicate'
group by report;
