{{ config(schema="ops", alias="input_problems") }}

{#- What an unreadable value of a column counts as; any other is as if it had not been given. -#}
{%- set counts_as = {
    "email_opt_in": "unknown consent",
    "sms_opt_in": "unknown consent",
    "push_opt_in": "unknown consent",
    "topics_opted_out": "every topic opted out",
    "max_messages_per_week": "no message at all",
    "status": "an open ticket",
    "sentiment": "a negative mention",
    "channel": "every channel where it stops messages",
} -%}
with
    quarantine as (select * from {{ ref("quarantine") }}),

    quarantined_rows as (select * from {{ ref("int_users__quarantined_rows") }}),

    unreadable_users as (select * from {{ ref("int_users__unreadable") }}),

    unreadable_values as (select * from {{ ref("unreadable_values") }}),

    unmatched_users as (select * from {{ ref("unmatched_users") }}),

    event_names as (select * from {{ ref("int_events__names") }}),

    unknown_topics as (select * from {{ ref("int_users__unknown_topics") }}),

    users as (select * from {{ ref("int_users__current") }}),

    unmeasured as (select * from {{ ref("int_measurement__unmeasured") }}),

    rows_by_reason as (
        select
            table_name,
            reason,
            reason like 'missing!_%' escape '!' or reason like 'bad!_%' escape '!' as is_unreadable,
            count(*) as problem_rows
        from quarantine
        group by table_name, reason
    ),

    users_by_reason as (
        select
            quarantined_rows.table_name,
            quarantined_rows.reason,
            count(distinct quarantined_rows.user_id) as problem_users
        from quarantined_rows
        inner join
            unreadable_users
            on quarantined_rows.user_id = unreadable_users.user_id
            and quarantined_rows.table_name = unreadable_users.table_name
        group by quarantined_rows.table_name, quarantined_rows.reason
    ),

    found as (
        select
            case
                when users_by_reason.problem_users > 0
                then 1
                when
                    rows_by_reason.table_name = 'erasure_requests'
                    and rows_by_reason.reason = 'missing_user_id'
                then 1
                when rows_by_reason.table_name = 'assignments'
                then 4
                else 8
            end as harm,
            'unreadable rows' as problem,
            rows_by_reason.table_name,
            rows_by_reason.reason as detail,
            rows_by_reason.problem_rows,
            coalesce(users_by_reason.problem_users, 0) as problem_users,
            case
                when
                    rows_by_reason.table_name = 'erasure_requests'
                    and rows_by_reason.reason = 'missing_user_id'
                then 'nobody is erased by it'
                when rows_by_reason.table_name = 'erasure_requests'
                then 'who is named is erased'
                when rows_by_reason.table_name = 'assignments'
                then 'are not measured'
                when users_by_reason.problem_users > 0
                then 'no marketing to them'
                {%- if var("unreadable_days") <= 0 %}
                    else 'stops nobody: unreadable_days is {{ var("unreadable_days") }}'
                {%- else %} else 'stops nobody: it names no customer, is old, or is replaced'
                {%- endif %}
            end as effect
        from rows_by_reason
        left join
            users_by_reason
            on rows_by_reason.table_name = users_by_reason.table_name
            and rows_by_reason.reason = users_by_reason.reason
        where rows_by_reason.is_unreadable
        union all
        select
            11 as harm,
            'rows that do not count' as problem,
            table_name,
            reason as detail,
            problem_rows,
            cast(null as bigint) as problem_users,
            case
                when reason = 'duplicate' and table_name = 'assignments'
                then 'the first one of the user counts'
                when reason = 'duplicate'
                then 'another row says the same'
                else 'until their time has come'
            end as effect
        from rows_by_reason
        where not is_unreadable
        union all
        select
            case when table_name in ('events', 'assignments') then 4 else 2 end as harm,
            'users whom no profile has' as problem,
            table_name,
            case
                when users_that_differ_in_case > 0
                then cast(users_that_differ_in_case as {{ text_type() }}) || ' differ in case only'
            end as detail,
            unmatched_rows as problem_rows,
            unmatched_users as problem_users,
            case
                when table_name = 'assignments'
                then 'count, with the events that name them'
                else 'their rows stop nobody'
            end as effect
        from unmatched_users
        where unmatched_rows > 0
        union all
        select
            case when column_name in ('{{ counts_as | join("', '") }}') then 3 else 9 end as harm,
            'unreadable values' as problem,
            table_name,
            column_name as detail,
            cast(sum(unreadable_rows) as bigint) as problem_rows,
            count(distinct user_id) as problem_users,
            case
                column_name
                {%- for column, meaning in counts_as.items() %}
                    when '{{ column }}' then 'counts as {{ meaning }}'
                {%- endfor %}
                else 'counts as not given'
            end as effect
        from unreadable_values
        group by table_name, column_name
        union all
        select
            4 as harm,
            case
                reason
                when 'unknown_campaign'
                then 'a campaign that nobody declared'
                when 'has_a_folder'
                then 'a campaign that has a folder'
                when 'unknown_arm'
                then 'an arm that nobody declared'
                else 'a campaign without control'
            end as problem,
            'assignments' as table_name,
            {{ shown_name("campaign_id") }}
            || case when arm is null then '' else ': ' || {{ shown_name("arm") }} end as detail,
            users as problem_rows,
            users as problem_users,
            case
                reason
                when 'unknown_campaign'
                then 'not measured: add it to outside_campaigns.csv'
                when 'has_a_folder'
                then 'not measured: its own nights are'
                when 'unknown_arm'
                then 'not measured: add it to outside_campaigns.csv'
                else 'its arms have nothing to be compared with'
            end as effect
        from unmeasured
        union all
        select
            5 as harm,
            'an event that campaigns need' as problem,
            'events' as table_name,
            event_name as detail,
            0 as problem_rows,
            0 as problem_users,
            'has never occurred' as effect
        from event_names
        where is_needed and events = 0
        union all
        select
            6 as harm,
            'an unknown topic' as problem,
            'users' as table_name,
            {{ shown_name("topic") }} as detail,
            cast(sum(users) as bigint) as problem_rows,
            cast(sum(users) as bigint) as problem_users,
            'opts out of no campaign''s topic' as effect
        from unknown_topics
        group by {{ shown_name("topic") }}
        union all
        select
            7 as harm,
            'an unknown event' as problem,
            'events' as table_name,
            {{ shown_name("event_name") }} as detail,
            cast(sum(events) as bigint) as problem_rows,
            cast(null as bigint) as problem_users,
            'is in no rule' as effect
        from event_names
        where not is_declared
        group by {{ shown_name("event_name") }}
        union all
        select
            10 as harm,
            'an unknown time zone' as problem,
            'users' as table_name,
            'timezone' as detail,
            count(*) as problem_rows,
            count(*) as problem_users,
            'counts as {{ var("default_timezone") }}' as effect
        from users
        where is_timezone_unknown
        having count(*) > 0
        {%- if var("unreadable_days") <= 0 %}
            union all
            select
                0 as harm,
                'unreadable rows stop nobody' as problem,
                'users' as table_name,
                'unreadable_days is {{ var("unreadable_days") }}' as detail,
                0 as problem_rows,
                0 as problem_users,
                'people are mailed whatever such rows say' as effect
        {%- endif %}
    ),

    final as (
        select
            row_number() over (
                order by harm, problem_users desc nulls last, problem_rows desc, table_name, detail nulls last
            ) as place,
            problem,
            table_name,
            detail,
            problem_rows,
            problem_users,
            effect
        from found
    )

select *
from final
