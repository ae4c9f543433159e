-- One row a campaign whose messages for a destination are not those of the ledger of dispatches: how
-- many of the ledger are missing, but for those that the destination leaves out, and how many are
-- added. Given: $destination, its $channels, $as_of of the night, and columns, what the destination
-- says of a message.
with
    recorded as (
        select
            {% for column in columns %}
                -- as the files have them: a time in whole seconds
                {% if column in ("send_at", "valid_until") %}
                    strftime({{ column | identifier }}, '%Y-%m-%dT%H:%M:%SZ') as {{ column | identifier }},
                {% else %} {{ column | identifier }},
                {% endif %}
            {% endfor %}
        from ledger.dispatches
        where as_of = $as_of and list_contains($channels, channel) and user_id not like 'erased:%'
    ),

    listed as (
        select {% for column in columns %} {{ column | identifier }}, {% endfor %}
        from delivered
        where destination = $destination
    ),

    left_out as (
        select campaign_id, sum(left_out) as messages
        from loaded
        where destination = $destination
        group by campaign_id
    ),

    missing as (
        select *
        from recorded
        except all
        select *
        from listed
    ),

    added as (
        select *
        from listed
        except all
        select *
        from recorded
    ),

    differing as (
        select campaign_id, 1 as missing, 0 as added
        from missing
        union all
        select campaign_id, 0 as missing, 1 as added
        from added
    )

select
    differing.campaign_id,
    sum(differing.missing)::bigint - coalesce(any_value(left_out.messages), 0)::bigint as missing,
    sum(differing.added)::bigint as added
from differing
left join left_out using (campaign_id)
group by differing.campaign_id
order by differing.campaign_id
