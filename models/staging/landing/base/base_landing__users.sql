with
    -- versions are no duplicates: all are kept, numbered from the oldest; of two of one moment the one that
    -- sorts last is newer
    {{
        numbered_rows(
            source("landing", "users"),
            [from_the_future("updated_at")],
            ["user_id"],
            "judged.updated_at nulls last, "
            ~ contract_columns_as_text("users", "judged")
            ~ ", judged.file",
        )
    }},

    final as (
        select
            user_id,
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
            row_number as version_number,
            {{ quarantined("1") }}
        from numbered
    )

select *
from final
