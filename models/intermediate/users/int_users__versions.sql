{#-
    A column that a row's file lacks says nothing. Versions of one moment count together: the stricter consent, the smaller maximum
    and all of the topics; the rest is of the row that sorts last.
-#}
{%- set of_last_row = [
    "email",
    "phone",
    "push_token",
    "first_name",
    "last_name",
    "city",
    "country",
    "language",
    "timezone",
    "signed_up_at",
    "attributes",
] -%}
{%- set channels = ["email", "sms", "push"] -%}

with
    versions as (select * from {{ ref("stg_landing__users") }}),

    erased as (select * from {{ ref("int_users__erased") }}),

    visible as (
        select versions.*, erased.user_id is not null as is_erased
        from versions
        left join erased on versions.user_id = erased.user_id
        where versions.updated_at < {{ as_of() }}
    ),

    final as (
        select
            user_id,
            updated_at,
            {%- for column in of_last_row %}
                {{ newest(column, "version_number", "user_id", has_column(column)) }} as {{ column }},
            {%- endfor %}
            {%- for channel in channels %}
                {{ strictest(channel ~ "_opt_in", has_column(channel ~ "_opt_in")) }} as {{ channel }}_opt_in,
                -- unknown in one of them is unknown
                case
                    when
                        count(
                            case
                                when
                                    {{ has_column(channel ~ "_opt_in_at") }}
                                    and {{ channel }}_opt_in_at is null
                                then 1
                            end
                        )
                        = 0
                    then
                        min(
                            case
                                when {{ has_column(channel ~ "_opt_in_at") }} then {{ channel }}_opt_in_at
                            end
                        )
                end as {{ channel }}_opt_in_at,
            {%- endfor %}
            {{ union_of_lists("topics_opted_out", has_column("topics_opted_out")) }} as topics_opted_out,
            min(
                case when {{ has_column("max_messages_per_week") }} then max_messages_per_week end
            ) as max_messages_per_week,
            is_erased,
            {{ union_of_lists("given_columns", "true") }} as given_columns,
            {{ union_of_lists("unreadable_columns", "unreadable_columns is not null") }} as unreadable_columns
        from visible
        group by user_id, updated_at, is_erased
    )

select *
from final
