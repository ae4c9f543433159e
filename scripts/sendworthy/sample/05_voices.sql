-- What they said to us: support tickets with every version of each, mentions in public, and requests to be forgotten.
insert into out_support_tickets
with
    counted as (
        select
            *,
            case when u(i, 'tickets') < 0.03 then 2 when u(i, 'tickets') < 0.20 then 1 else 0 end + case when cancels and subscribes and u(i, 'cross') < 0.4 then 1 else 0 end as tickets,
        from person
    ),

    listed as (
        select *, unnest(range(0, tickets))::integer as n from counted
    ),

    drawn as (
        select
            *,
            't' || i || '-' || n as ticket_id,
            h(i || '-' || n, 'ticket') as h1,
            h(i || '-' || n, 'path') as h2,
        from listed
    ),

    opened as (
        select
            *,
            -- more of late: some people wrote a few hours ago
            greatest(signup_s + 300, getvariable('until_s') - 60 - floor(part(h1, 0) * part(h1, 0) * 130 * 86400))::bigint as created_s,
            pick(['complaint', 'complaint', 'billing', 'billing', 'delivery', 'delivery', 'delivery', 'product', 'product', 'account', 'returns', 'other'], part(h1, 1)) as category,
            case
                when part(h1, 2) < 0.08 then ['new']
                when part(h1, 2) < 0.20 then ['new', 'open']
                when part(h1, 2) < 0.29 then ['new', 'open', 'pending']
                when part(h1, 2) < 0.34 then ['new', 'open', 'hold']
                when part(h1, 2) < 0.70 then ['new', 'open', 'solved']
                when part(h1, 2) < 0.80 then ['new', 'open', 'pending', 'open', 'solved', 'closed']
                else ['new', 'open', 'solved', 'closed']
            end as path,
            3600 + floor(part(h1, 3) * part(h1, 3) * 4 * 86400)::bigint as pace,
            case when part(h2, 0) < 0.38 then 'good' when part(h2, 0) < 0.56 then 'bad' end as verdict,
        from drawn
    ),

    versioned as (
        select *, unnest(range(0, len(path)))::integer as version from opened
    ),

    timed as (
        select
            *,
            path[version + 1] as status,
            created_s + version * pace as updated_s,
            created_s + (list_position(path, 'solved') - 1) * pace as solved_s,
        from versioned
    ),

    reported as (
        select
            i,
            version,
            ticket_id,
            user_id,
            category,
            status,
            iso(created_s) as created_at,
            iso(updated_s) as updated_at,
            case when solved_s <= updated_s then iso(solved_s) end as solved_at,
            case when status = 'closed' or status = 'solved' and part(h2, 1) < 0.6 then verdict end as satisfaction,
            floor(u(i || '-' || n || '-' || version, 'mess') * 220)::integer as mess,
        from timed
        where updated_s < getvariable('until_s') and created_s < getvariable('until_s')
    ),

    messed as (
        select
            ticket_id,
            user_id,
            case mess when 0 then null when 1 then 'N/A' when 2 then upper(category) when 3 then ' ' || category else category end as category,
            status,
            created_at,
            updated_at,
            solved_at,
            satisfaction,
        from reported
        union all
        -- rows that no one can use, each beside its good twin
        select
            case mess when 10 then null else ticket_id end,
            case mess when 11 then null when 12 then 'x' || i else user_id end,
            category,
            case mess when 13 then null when 14 then 'escalated' when 15 then upper(status) else status end,
            case mess when 16 then '2026-13-45 25:61:00' when 17 then null else created_at end,
            case mess when 18 then 'last Tuesday' when 19 then null when 20 then '2099-05-05 05:05:05' else updated_at end,
            case mess when 21 then 'soon' else solved_at end,
            case mess when 22 then 'meh' else satisfaction end,
        from reported
        where mess between 10 and 24
    )

select * from messed;


insert into out_social_mentions
with
    listed as (
        select *, unnest(range(0, case when u(i, 'mentions') < 0.012 then 3 else 1 end))::integer as n
        from person
        where u(i, 'mentions') < 0.07
    ),

    drawn as (
        select *, h(i || '-' || n, 'mention') as hm from listed
    ),

    said as (
        select
            i,
            'sm' || i || '-' || n as mention_id,
            -- most of what is said cannot be put to an account
            case when part(hm, 0) < 0.75 then user_id end as user_id,
            pick(['pebblebook', 'chirrup', 'fotogram', 'forum'], part(hm, 1)) as network,
            getvariable('until_s') - 1 - floor(part(hm, 2) * 85 * 86400)::bigint as s,
            case when part(hm, 3) < 0.35 then 'positive' when part(hm, 3) < 0.6 then 'neutral' else 'negative' end as sentiment,
            u(i || '-' || n, 'words') as u_words,
            slot,
        from drawn
    ),

    spoken as (
        select
            * exclude (u_words),
            case sentiment
                when 'positive' then pick(['Love my new lamp, thank you!', 'Schnelle Lieferung, gerne wieder', 'Très contente de ma couverture', '买得很开心', 'Best "big" kettle ever' || chr(10) || '10/10'], u_words)
                when 'neutral' then pick(['Anyone tried their backpacks?', '¿Hacen envíos a Canarias?', 'My order, part 2', 'これはどこで買えますか'], u_words)
                else pick(['Two weeks, still no parcel. Not ok.', 'Nie wieder, dreimal falsch geliefert', 'Charged twice; nobody answers', 'Сломалось через день', 'Le service client ne répond pas, "désolé" c''est tout'], u_words)
            end as body,
        from said
    ),

    messed as (
        select mention_id, user_id, network, body, iso(s) as posted_at, sentiment from spoken
        union all
        select
            case slot % 40 when 0 then null else mention_id end,
            user_id,
            case slot % 40 when 1 then null else network end,
            body,
            case slot % 40 when 2 then null when 3 then '32.01.2026' when 4 then '2099-02-02 02:02:02' else iso(s) end,
            case slot % 40 when 5 then 'furious' when 6 then 'NEGATIVE' when 7 then '' else sentiment end,
        from spoken
        where slot % 40 < 8
    )

select * from messed;


insert into out_erasure_requests
with
    requests as (
        select
            i,
            user_id,
            greatest(signup_s, start_s) + floor(u(i, 'erase_at') * (getvariable('until_s') - greatest(signup_s, start_s)))::bigint as s,
            slot,
        from person
        where slot between 161 and 166
    )

select user_id, iso(s) from requests
union all
-- asked twice; asked by nobody; asked at no time: not where so few have asked that the table could not be trusted
select
    case slot when 163 then null when 164 then 'x999999' else user_id end,
    case slot when 165 then 'as soon as possible' when 166 then '2099-09-09 09:09:09' else iso(least(s + 86400, getvariable('until_s') - 1)) end,
from requests
where slot between 162 and 166 and (select count(*) from requests) >= 6;
