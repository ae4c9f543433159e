-- What was mailed to them before tonight, and what came of it. A send hangs on something that happened: the sign-up, a
-- basket left, an order; or it is a campaign's own date.
create or replace temp table pairs as
with
    -- who can be reached, a row per channel
    reachable as (
        select i, 'email' as channel, email_opt_in = 'true' as is_in, coalesce(topics_opted_out, '') as topics_opted_out from profile where email is not null
        union all
        select i, 'sms', sms_opt_in = 'true', coalesce(topics_opted_out, '') from profile where phone is not null
        union all
        select i, 'push', push_opt_in = 'true', coalesce(topics_opted_out, '') from profile where push_token is not null
    ),

    ranked as (
        select *, campaign_no = min(campaign_no) over (partition by kind, channel) as is_main, min(campaign_no) over (partition by first_step) as first_no
        from campaign
    )

select reachable.i, ranked.campaign_no, ranked.kind, ranked.channel, ranked.step, ranked.first_no, ranked.is_main
from reachable
inner join ranked on ranked.channel = reachable.channel
where (reachable.is_in or ranked.kind = 'confirmation') and (ranked.topic = '' or not contains(reachable.topics_opted_out, ranked.topic));


create or replace table send as
with
    -- the weekly newsletter goes out on Tuesdays
    weekly as (
        select pairs.i, pairs.campaign_no, pair_of(pairs.i, campaign_no) || '-w' || week as message_id, week_s + 25200 - tz_minutes * 60 + floor(u(pair_of(pairs.i, campaign_no) || '-' || week, 'minute') * 900)::bigint as s
        from pairs
        inner join person on person.i = pairs.i
        cross join (
            select
                w as week,
                ((getvariable('until_s')::bigint // 86400 - 5 - 7 * w) + 2 - ((getvariable('until_s')::bigint // 86400 - 5 - 7 * w) + 4) % 7) * 86400 as week_s,
            from range(0, 1 + getvariable('days')::bigint // 7) as t (w)
        ) as weeks
        where kind = 'newsletter' and is_main and channel = 'email' and not in_household and u(pairs.i, 'reads_news') < 0.5 and u(pair_of(pairs.i, campaign_no) || '-' || weeks.week, 'skipped') < 0.93
    ),

    arrival as (
        select pairs.i, campaign_no, pair_of(pairs.i, campaign_no) || '-a' as message_id, signup_s + floor((1 + u(pair_of(pairs.i, campaign_no), 'after') * 24) * 3600)::bigint as s
        from pairs
        inner join person on person.i = pairs.i
        where kind = 'welcome' and is_new_here and u(pair_of(pairs.i, campaign_no), 'sent') < 0.8
        union all
        -- the steps of a journey: those who stop, stop for good
        select pairs.i, campaign_no, pair_of(pairs.i, campaign_no) || '-a', signup_s + floor((26 + u(pairs.i || '-' || first_no, 'after') * 20 + (step - 1) * 90) * 3600)::bigint
        from pairs
        inner join person on person.i = pairs.i
        where
            kind = 'onboarding'
            and is_new_here
            and u(pairs.i, 'onboarding') > 0.45
            and u(pairs.i || '-' || first_no, 'journey') < case step when 1 then 0.85 when 2 then 0.5 else 0.25 end
    ),

    after_visits as (
        select
            pairs.i,
            campaign_no,
            pair_of(pairs.i, campaign_no) || '-v' || k as message_id,
            end_s + case kind
                when 'abandoned_cart' then floor((1 + u(pair_of(pairs.i, campaign_no) || '-' || k, 'after') * 20) * 3600)
                when 'confirmation' then 120
                when 'thank_you' then 86400 + floor(u(pair_of(pairs.i, campaign_no) || '-' || k, 'after') * 86400)
                else 6 * 86400 + floor(u(pair_of(pairs.i, campaign_no) || '-' || k, 'after') * 4 * 86400)
            end::bigint as s,
        from (select i, k, buys, end_s from session where carts > 0 and k < 1000) as visits
        inner join pairs
            on pairs.i = visits.i
            and pairs.kind in ('abandoned_cart', 'confirmation', 'thank_you', 'rating_request', 'feedback_request')
            and visits.buys = (pairs.kind <> 'abandoned_cart')
        where
            u(pair_of(pairs.i, campaign_no) || '-' || k, 'sent') < case kind when 'abandoned_cart' then 0.22 when 'confirmation' then 0.97 when 'thank_you' then 0.08 when 'rating_request' then 0.15 else 0.02 end
    ),

    now_and_then as (
        select pairs.i, campaign_no, pair_of(pairs.i, campaign_no) || '-r' as message_id, start_s + floor(u(pair_of(pairs.i, campaign_no), 'at') * (getvariable('until_s') - start_s))::bigint as s
        from pairs
        inner join person on person.i = pairs.i
        where
            (kind in ('win_back', 'discount', 'reward_reminder', 'nearby_offer', 'billing_recovery') or kind = 'newsletter' and not is_main)
            and u(pair_of(pairs.i, campaign_no), 'sent') < case kind when 'discount' then 0.2 when 'reward_reminder' then 0.2 when 'win_back' then 0.08 when 'newsletter' then 0.1 else 0.05 end
    ),

    all_sends as (
        select * from weekly
        union all
        select * from arrival
        union all
        select * from after_visits
        union all
        select * from now_and_then
    ),

    -- a channel may end for somebody: a dead address, a complaint, an unsubscription
    fated as (
        select
            all_sends.i,
            person.user_id,
            'm' || message_id as message_id,
            campaign.campaign_id,
            campaign.channel,
            campaign.kind,
            campaign.step,
            all_sends.s,
            person.open_rate,
            case when in_household then 1 else u(all_sends.i || campaign.channel, 'fate') end as u_fate,
            start_s + u(all_sends.i || campaign.channel, 'fate_at') * (getvariable('until_s') - start_s) as fate_s,
        from all_sends
        inner join person on person.i = all_sends.i
        inner join campaign on campaign.campaign_no = all_sends.campaign_no
        where all_sends.s >= greatest(signup_s, start_s) and all_sends.s < getvariable('until_s') - 5
    ),

    doomed as (
        select
            * exclude (u_fate),
            case when u_fate < 0.02 then 'bounced_hard' when u_fate < 0.035 then 'complained' when u_fate < 0.09 then 'unsubscribed' end as fate,
        from fated
    ),

    -- only where a channel ends is there anything to count
    ending as (
        select *, count(*) filter (where s >= fate_s) over (partition by i, channel order by s, message_id rows unbounded preceding) as after_fate
        from doomed
        where fate is not null
    ),

    kept as (
        select * exclude (fate_s), 0 as after_fate from doomed where fate is null
        union all by name
        select * exclude (fate, fate_s), case when after_fate >= 1 then fate end as fate
        from ending
        where
            after_fate <= 1
            or fate = 'unsubscribed' and kind = 'confirmation'
            -- the other system did not hear of the bounce at once
            or fate = 'bounced_hard' and after_fate = 2
    )

select * exclude (kind), h(message_id, 'outcome') as ho, h(message_id, 'delay') as hx from kept;


create or replace temp table message_event as
with
    outcomes as (
        select
            *,
            case
                when fate = 'bounced_hard' then 'bounced_hard'
                when part(ho, 0) < 0.015 then 'bounced_soft'
                else 'delivered'
            end as arrival,
            s + 1 + floor(part(hx, 0) * 50)::bigint as arrived_s,
            -- a push message is seldom opened, a text message reports nothing
            part(ho, 1) < open_rate * case channel when 'email' then 1 when 'push' then 0.4 else 0 end as opens,
            s + 60 + floor(part(hx, 1) * part(hx, 1) * part(hx, 1) * 172800)::bigint as opened_s,
            part(ho, 2) < 0.22 as clicks,
            case when part(ho, 3) < 0.7 then 'personalized' when part(ho, 3) < 0.97 then 'default' end as variant,
        from send
    ),

    reports as (
        select *, 's' as letter, 'sent' as event_type, s as at_s from outcomes
        union all
        select *, 'd', arrival, arrived_s from outcomes
        union all
        select *, 'o', 'opened', opened_s from outcomes where arrival = 'delivered' and opens
        union all
        select *, 'c', 'clicked', opened_s + 4 + floor(part(hx, 2) * 90)::bigint from outcomes where arrival = 'delivered' and opens and clicks
        union all
        select *, 'x', fate, greatest(arrived_s, case when opens then opened_s else 0 end) + 30 + floor(part(hx, 3) * 3600)::bigint
        from outcomes
        where arrival = 'delivered' and fate in ('complained', 'unsubscribed') and after_fate = 1
        union all
        -- the later steps of a journey are what people turn away from
        select *, 'u', 'unsubscribed', arrived_s + 3600
        from outcomes
        where arrival = 'delivered' and fate is null and step > 1 and part(ho, 3) < 0.12
    ),

    identified as (
        select
            *,
            message_id || letter as message_event_id,
            h(message_id || letter, 'delivery') as hd,
        from reports
    ),

    landed as (
        select
            *,
            part(hd, 0) as u_mess,
            -- the service provider's reports come with the night's file; a few come days later
            at_s + case when part(hd, 1) < 0.01 then 86400 + floor(part(hd, 2) * 4 * 86400) else 0 end::bigint as landed_s,
        from identified
    ),

    messed as (
        select
            i,
            at_s,
            u_mess,
            landed_s,
            case when u_mess between 0.00500 and 0.00530 then null else message_event_id end as message_event_id,
            case when u_mess between 0.00530 and 0.00560 then null when u_mess between 0.00560 and 0.00600 then 'crm-' || i else user_id end as user_id,
            -- other systems mail as well, and do not say for which campaign
            case when u_mess between 0.00600 and 0.00660 then null when u_mess between 0.00660 and 0.00720 then 'old_newsletter_2019' else campaign_id end as campaign_id,
            case when u_mess between 0.00720 and 0.00750 then null when u_mess between 0.00750 and 0.00780 then 'whatsapp' when u_mess between 0.00780 and 0.00820 then upper(channel) else channel end as channel,
            variant,
            case
                when u_mess between 0.00820 and 0.00850 then null
                when u_mess between 0.00850 and 0.00890 then 'opend'
                when u_mess between 0.00890 and 0.00930 then ' ' || upper(event_type)
                else event_type
            end as event_type,
            case
                when u_mess between 0.00930 and 0.00950 then null
                when u_mess between 0.00950 and 0.00975 then timestamp '2099-06-30 12:00:00'
                else ts(at_s)
            end as occurred_at,
            -- our own messages carry their dispatch, since we began two weeks ago
            case
                when s >= getvariable('until_s') - 14 * 86400 and part(hd, 3) < 0.8
                    then md5(campaign_id || ':' || user_id || ':' || strftime(ts(s), '%Y-%m-%d'))
            end as dispatch_id,
        from landed
    )

select
    i,
    at_s,
    0 as delivery,
    u_mess,
    landed_s,
    message_event_id,
    user_id,
    campaign_id,
    channel,
    variant,
    event_type,
    occurred_at,
    dispatch_id,
    greatest((landed_s // 86400)::bigint, getvariable('message_bulk_day')) as landed_day,
from messed
where landed_s < getvariable('until_s') and at_s < getvariable('until_s');


-- reported twice: a day later, with another time; or in one and the same file
insert into message_event
select
    * replace (
        1 as delivery,
        landed_s + 86400 as landed_s,
        occurred_at + interval 1 second as occurred_at,
        greatest(((landed_s + 86400) // 86400)::bigint, getvariable('message_bulk_day')) as landed_day
    )
from message_event
where u_mess < 0.003 and landed_s + 86400 < getvariable('until_s')
union all by name
select * replace (2 as delivery) from message_event where u_mess between 0.003 and 0.004;
