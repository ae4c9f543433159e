-- The people with numbers from lo to hi: who they are, where they live, how much they do and for how long.
-- `slot` deals the rare things out evenly: each of a thousand slots is one user in a thousand, so that even a small
-- world has one of each.
create or replace table person as
with
    numbered as (
        select
            i,
            'u' || case when i < 1000000 then lpad(i::varchar, 6, '0') else i::varchar end as user_id,
            ((i * 387 + getvariable('seed')::bigint % 1000) % 1000)::integer as slot,
            -- slots 81-85 and the person before each: two people with one mailbox, who both come often and can both be written to
            slot between 81 and 85 and i > 1 or slot between 694 and 698 as in_household,
            case when in_household then 0.1 else u(i, 'tier') end as u_tier,
            case when in_household then 0.1 else u(i, 'since') end as u_drawn_since,
            u(i, 'when') as u_when,
            case when in_household then 1 else u(i, 'leave') end as u_leave,
            u(i, 'left') as u_left,
            u(i, 'rate') as u_rate,
            floor(u(i, 'locale') * (select count(*) from locale_slot))::bigint as locale_slot,
            u(i, 'city') as u_city,
        from range(getvariable('lo')::bigint, getvariable('hi')::bigint + 1) as t (i)
    ),

    placed as (
        select
            numbered.*,
            -- slots 170-175: known for long, but since when is lost; the first four have a new telephone, the last two never came
            case when slot between 170 and 175 then 0.1 else u_drawn_since end as u_since,
            locale.*,
            getvariable('until_s') - getvariable('days') * 86400 as start_s,
            case
                when slot in (174, 175) then 'sleeper'
                when u_tier < 0.03 then 'power'
                when u_tier < 0.15 then 'loyal'
                when u_tier < 0.43 then 'regular'
                when u_tier < 0.76 then 'casual'
                when u_tier < 0.90 then 'once'
                else 'sleeper'
            end as tier,
        from numbered
        inner join locale_slot on locale_slot.number = numbered.locale_slot
        inner join locale on locale.locale_id = locale_slot.locale_id
    ),

    dated as (
        select
            *,
            case
                -- most were there before; then a steady stream of new ones, and a few of the last days
                when u_since < 0.64 then start_s - floor(u_when * u_when * 900 * 86400) - 60
                when u_since < 0.94 then start_s + floor(u_when * (getvariable('until_s') - start_s))
                else getvariable('until_s') - 1 - floor(u_when * least(5, getvariable('days')) * 86400)
            end::bigint as signup_s,
        from placed
    ),

    final as (
        select
            i,
            user_id,
            slot,
            tier,
            locale_id,
            dated.country,
            language,
            dated.timezone,
            tz_minutes,
            city.city,
            city.n as city_n,
            city.latitude,
            city.longitude,
            pick(given, u(i, 'given')) as first_name,
            pick(family, u(i, 'family')) as last_name,
            start_s,
            signup_s,
            signup_s >= start_s as is_new_here,
            greatest(signup_s, start_s) as active_from_s,
            case
                when u_leave < 0.24 then greatest(signup_s, start_s) + floor(u_left * (getvariable('until_s') - greatest(signup_s, start_s)))
                else getvariable('until_s')
            end::bigint as active_to_s,
            -- sessions a day
            case tier
                when 'power' then 0.98
                when 'loyal' then 0.33
                when 'regular' then 0.165
                when 'casual' then 0.055
                else 0
            end * (0.6 + 0.8 * u_rate) as session_rate,
            -- how likely this person is to open what is mailed; a quarter never do
            greatest(0, u(i, 'opens') - 0.25) * 0.8 as open_rate,
            -- some things that happen to people
            slot between 170 and 173 or u(i, 'app') < 0.62 as has_app,
            u(i, 'ping') < 0.35 as shares_location,
            u(i, 'subscribes') < 0.3 and slot not in (174, 175) as subscribes,
            u(i, 'cancels') < 0.16 as cancels,
            u(i, 'billing') < 0.07 and slot not in (174, 175) as has_billing_trouble,
            slot between 170 and 173 as has_new_phone,
            slot in (174, 175) as never_came,
            in_household,
        from dated
        inner join city
            on dated.country = city.country
            and dated.timezone = city.timezone
            and floor(u_city * u_city * city.cities)::bigint = city.n
    )

select * from final;


-- the profile: what the person would say, before anything goes wrong with it
create or replace table profile as
with
    drawn as (
        select
            *,
            signup_s::bigint as first_version_s,
            signup_s + 600 + floor(u(i, 'changed') * greatest(0, getvariable('until_s') - signup_s - 700))::bigint as second_version_s,
            case when u(i, 'versions') < 0.70 then 1 when u(i, 'versions') < 0.93 then 2 else 3 end as versions,
            case when in_household then 0 else u(i, 'email_in') end as u_email_in,
            u(i, 'sms_in') as u_sms_in,
            u(i, 'push_in') as u_push_in,
            case when in_household then 1 else u(i, 'topics') end as u_topics,
            case when in_household then 1 else u(i, 'cap') end as u_cap,
            u(i, 'attributes') as u_attributes,
            u(i, 'noise') as u_noise,
            -- slots 81-84: the same address in upper case; 85: in the same case
            case when slot between 81 and 85 and i > 1 then i - 1 else i end as mailbox,
        from person
    ),

    addressed as (
        select
            *,
            pick(['quiet', 'amber', 'silver', 'early', 'green', 'lucky', 'salty', 'brave', 'odd', 'north', 'paper', 'velvet'], u(mailbox, 'word_1'))
            || pick(['.', '_', '-', '+', ''], u(mailbox, 'dot'))
            || pick(['heron', 'river', 'pebble', 'otter', 'maple', 'harbour', 'comet', 'walnut', 'fern', 'lantern', 'sparrow', 'cello'], u(mailbox, 'word_2'))
            || mailbox || pick(['@example.com', '@example.com', '@example.org', '@example.net', '@mail.example.com'], u(mailbox, 'domain')) as mail,
            -- every number is its owner's alone, or duplicate addresses would be the rule
            case
                when calling_code = '+1' and i < 10000 then '+1' || (201 + i // 100) || '55501' || lpad((i % 100)::varchar, 2, '0')
                when calling_code = '+44' and i < 1000 then '+447700900' || lpad(i::varchar, 3, '0')
                else case when calling_code like '+999%' then calling_code else '+999' || calling_code[2:] end || lpad(i::varchar, 7, '0')
            end as number,
        from drawn
        inner join (select locale_id as id, calling_code from locale) as locale on locale.id = drawn.locale_id
    )

select
    i,
    user_id,
    slot,
    versions,
    first_version_s,
    second_version_s,
    case
        when slot between 63 and 72 then (select list(text order by n) from bad_email)[1 + (i // 3 + slot) % 16]
        when slot between 73 and 76 then (select list(text order by n) from blank)[1 + (i * 7 + slot) % 35]
        when slot between 81 and 84 then upper(mail)
        -- the addresses that the settings suppress, as their owners write them
        when slot = 86 and i <= 1000 then 'Suppressed.Person@Example.com'
        when slot = 98 and i <= 1000 then ' blocked.box@example.org '
        when u_noise < 0.02 then upper(mail)
        when u_noise < 0.03 then '  ' || mail || ' '
        when u_noise < 0.035 then chr(65279) || mail || chr(160)
        when u_noise < 0.04 then null
        else mail
    end as email,
    case
        when slot between 77 and 80 then (select list(text order by n) from bad_phone)[1 + (i // 3 + slot) % 8]
        when slot = 99 and i <= 1000 then '+15550100199'
        when u(i, 'has_phone') < 0.30 then null
        when u(i, 'has_phone') < 0.31 then ''
        when u(i, 'has_phone') < 0.33 then ' ' || number || ' '
        else number
    end as phone,
    case when has_app and u(i, 'token') < 0.9 then substr(md5(getvariable('seed') || ':token:' || i), 1, 16) when has_app then pick(['', ' ', 'null', null], u(i, 'token_2')) end as push_token,
    case
        when slot between 0 and 34 then (select list(text order by n) from blank)[1 + slot]
        when slot between 55 and 60 then (select list(text order by n) from unsafe)[1 + slot - 55]
        when slot = 61 then pick(['J', 'Ø', '김', 'Ó', '宇'], u(i, 'letter'))
        when u_noise > 0.97 then null
        when u_noise > 0.95 then lower(first_name)
        when u_noise > 0.94 then '  ' || first_name || ' '
        else first_name
    end as first_name,
    case
        when slot between 35 and 44 then (select list(text order by n) from blank)[1 + (i // 7 + slot) % 35]
        when slot = 62 then 'Null'
        when slot = 59 then '<i>' || last_name || '</i>'
        when u(i, 'no_family') < 0.04 then null
        else last_name
    end as last_name,
    case when slot between 45 and 54 then (select list(text order by n) from blank)[1 + (i // 5 + slot) % 35] when u(i, 'no_city') < 0.06 then null else city end as city,
    -- where they lived, and what they had said, in older versions
    case when u(i, 'moved') < 0.3 then 'Old Town' else city end as city_before,
    case slot when 91 then 'XX' when 92 then lower(country) when 93 then '' else case when u(i, 'no_country') < 0.03 then null else country end end as country,
    case slot when 94 then 'english' when 95 then replace(language, '-', '_') when 96 then 'xx-XX' else case when u(i, 'no_language') < 0.05 then null else language end end as language,
    case slot when 87 then 'Mars/Olympus_Mons' when 88 then 'GMT+25' when 89 then '' when 90 then 'PST8PDT ' else case when u(i, 'no_timezone') < 0.03 then null else timezone end end as timezone,
    -- sign-up dates get lost in migrations
    case
        when u(i, 'signup_lost') < 0.05 or slot between 170 and 175 then null
        when u(i, 'signup_lost') < 0.053 then ''
        when u(i, 'signup_lost') < 0.06 then strftime(ts(signup_s), '%Y-%m-%dT%H:%M:%SZ')
        when u(i, 'signup_lost') < 0.065 then strftime(ts(signup_s + 7200), '%Y-%m-%dT%H:%M:%S+02:00')
        else iso(signup_s)
    end as signed_up_at,
    case when u_email_in < 0.80 then 'true' when u_email_in < 0.91 then 'false' end as email_opt_in,
    case when u_sms_in < 0.46 then 'true' when u_sms_in < 0.80 then 'false' end as sms_opt_in,
    case when not has_app then case when u_push_in < 0.2 then 'false' end when u_push_in < 0.70 then 'true' when u_push_in < 0.88 then 'false' end as push_opt_in,
    case
        when u_topics < 0.12 then (select list(topic order by n) from topic)[1 + floor(u_topics / 0.12 * (select count(*) from topic))::integer]
        when u_topics < 0.15 then (select string_agg(topic, ';' order by n) from (select * from topic order by n limit 2))
        when u_topics < 0.155 then ' ' || (select upper(min(topic)) from topic) || ' ; unknown_topic;'
        when u_topics < 0.20 then ''
    end as topics_opted_out,
    case when u_cap < 0.015 then '0' when u_cap < 0.04 then '1' when u_cap < 0.08 then '2' when u_cap < 0.14 then '5' when u_cap < 0.145 then '50' end as max_messages_per_week,
    case
        when slot = 130 then '{"loyalty_points": 120, "favorite_cat'
        when slot = 131 then '["loyalty_points", 120]'
        when slot = 132 then '"gold"'
        when slot = 133 then '{"loyalty_points": "lots", "favorite_category": 7}'
        when slot = 134 then '{"loyalty_points": {"value": 12}, "favorite_category": ["kitchen"]}'
        when slot between 144 and 150 then
            '{"loyalty_points": null, "favorite_category": ' || coalesce(to_json((select list(text order by n) from blank)[1 + (i * 3 + slot) % 35])::varchar, 'null') || '}'
        when slot = 151 then '{}'
        when slot = 152 then ''
        when u_attributes < 0.18 then null
        when u_attributes < 0.26 then '{"loyalty_points": ' || floor(u(i, 'points') * u(i, 'points') * 5000)::integer || '}'
        when u_attributes < 0.38 then '{"favorite_category": "' || pick(['kitchen', 'lighting', 'bedroom', 'stationery', 'outdoor', 'garden'], u(i, 'category')) || '"}'
        else
            '{"loyalty_points": ' || floor(u(i, 'points') * u(i, 'points') * 5000)::integer
            || ', "favorite_category": "' || pick(['kitchen', 'lighting', 'bedroom', 'stationery', 'outdoor', 'garden'], u(i, 'category'))
            || '"' || case when u_attributes > 0.8 then ', "plan": "plus", "children": ' || floor(u_attributes * 4)::integer else '' end || '}'
    end as attributes,
from addressed;


insert into out_users
with
    versioned as (
        select
            *,
            unnest(range(1, versions + 1))::integer as version,
        from profile
    ),

    timed as (
        select
            *,
            case
                when version = 1 then first_version_s + 5
                when version = 2 then second_version_s
                else least(second_version_s + 1 + floor(u(i, 'again') * 20 * 86400)::bigint, greatest(second_version_s + 1, getvariable('until_s') - 30))
            end as version_s,
        from versioned
    ),

    spoken as (
        -- an older version knew less: no phone, other consent, another city
        select
            i,
            version,
            user_id,
            email,
            case when version < versions and u(i, 'phone_before') < 0.5 then null else phone end as phone,
            push_token,
            first_name,
            last_name,
            case when version < versions then city_before else city end as city,
            country,
            language,
            timezone,
            signed_up_at,
            case when version < versions and u(i, 'in_before') < 0.3 then null else email_opt_in end as email_opt_in,
            sms_opt_in,
            push_opt_in,
            case when version < versions then null else topics_opted_out end as topics_opted_out,
            max_messages_per_week,
            attributes,
            ts(version_s) as updated_at,
            slot,
            version = versions as is_newest,
        from timed
        where version_s < getvariable('until_s')
    ),

    -- what goes wrong with the newest version on its way; each of these is a row more
    mishaps as (
        select * exclude (is_newest) from spoken
        union all by name
        -- the export ran twice: the very same row, and a row with the same time and another city
        select * exclude (is_newest) from spoken where is_newest and slot in (135, 136)
        union all by name
        select * exclude (is_newest) replace ('Elsewhere' as city) from spoken where is_newest and slot in (137, 138)
        union all by name
        select * exclude (is_newest) replace (case slot when 139 then null else '' end as user_id) from spoken where is_newest and slot in (139, 140)
        union all by name
        select * exclude (is_newest) replace (null as updated_at) from spoken where is_newest and slot = 141
        union all by name
        select * exclude (is_newest) replace (timestamp '2099-01-01 00:00:00' as updated_at, 'Tomorrow' as first_name) from spoken where is_newest and slot in (142, 143)
        union all by name
        -- values of the wrong type: text columns of an export hold what people and programs wrote there
        select
            * exclude (is_newest)
            replace (
                updated_at + interval 1 second as updated_at,
                case slot when 153 then '31/02/2026' when 154 then 'yesterday' when 155 then '0000-00-00 00:00:00' else signed_up_at end as signed_up_at,
                case slot when 156 then 'maybe' when 157 then 'on request' else email_opt_in end as email_opt_in,
                case slot when 158 then 'oui' else sms_opt_in end as sms_opt_in,
                case slot when 159 then '2,5' when 160 then 'unlimited' else max_messages_per_week end as max_messages_per_week
            )
        from spoken
        where is_newest and slot between 153 and 160
    )

select * exclude (slot) from mishaps;
