with
    base as (select * from {{ ref("base_landing__users") }}),

    final as (
        select
            user_id,
            version_number,
            email_opt_in_at,
            sms_opt_in_at,
            push_opt_in_at,
            email,
            phone,
            push_token,
            first_name,
            last_name,
            city,
            country,
            language,
            timezone,
            signed_up_at,
            email_opt_in,
            sms_opt_in,
            push_opt_in,
            topics_opted_out,
            max_messages_per_week,
            attributes,
            updated_at,
            given_columns,
            unreadable_columns
        from base
        where quarantine_reason is null
    )

select *
from final
