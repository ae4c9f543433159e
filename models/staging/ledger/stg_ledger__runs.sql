with
    source as (select * from {{ source("ops", "runs") }}),

    final as (
        select
            run_id,
            as_of,
            finished_at,
            campaign_id,
            status,
            candidates,
            cast(run as {{ text_type() }}) as run,
            cast(details as {{ text_type() }}) as details,
            {{ json_is_true("details", "in_force") }} as was_in_force
        from source
    )

select *
from final
