with
    versions as (select * from {{ ref("stg_landing__users") }}),

    erased as (select * from {{ ref("int_users__erased") }}),

    iana_zones as (select * from {{ ref("timezones") }}),

    engine_zones as ({{ zones_of_the_engine() }}),

    zones as (
        select iana_zones.timezone_name
        from iana_zones
        inner join engine_zones on iana_zones.timezone_name = engine_zones.zone_name
    ),

    numbered as (
        select *, row_number() over (partition by user_id order by version_number desc) as age_number
        from versions
        where updated_at < {{ as_of() }}
    ),

    newest as (select * from numbered where age_number = 1),

    final as (
        select
            newest.user_id,
            newest.email,
            newest.phone,
            newest.push_token,
            newest.first_name,
            newest.last_name,
            newest.city,
            newest.country,
            newest.language,
            coalesce(zones.timezone_name, '{{ var("default_timezone") }}') as timezone,
            newest.signed_up_at,
            newest.email_opt_in,
            newest.sms_opt_in,
            newest.push_opt_in,
            newest.topics_opted_out,
            newest.max_messages_per_week,
            newest.attributes,
            newest.updated_at
        from newest
        left join erased on newest.user_id = erased.user_id
        left join zones on {{ trimmed("newest.timezone") }} = zones.timezone_name
        where erased.user_id is null
    )

select *
from final
