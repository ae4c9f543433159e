-- One row a message: what it is, its pattern, and more columns. DuckDB and Spark read it alike. Given:
-- messages and merge_values, what to select from; fields, whose keys make the pattern, as texts; separator,
-- between the keys; nothing, the pattern of a message without a merge field; columns, of messages or of
-- by_message; aggregates, over the merge values of one message.
with
    by_message as (
        select
            dispatch_id,
            user_id,
            campaign_id,
            variant,
            {% for aggregate in aggregates %} {{ aggregate }}, {% endfor %}
            {% for field in fields %}
                {% if not loop.first %} || {{ separator }} || {% endif %}
                coalesce(max(case when is_expected and merge_field = {{ field }} then render_key end), '')
            {% else %} ''
            {% endfor %} as pattern
        from {{ merge_values }}
        group by dispatch_id, user_id, campaign_id, variant
    )

select
    coalesce(messages.campaign_id, '') as campaign_id,
    coalesce(messages.variant, '') as variant,
    messages.dispatch_id,
    coalesce(by_message.pattern, {{ nothing }}) as pattern
    {% for column in columns %}, {{ column }} {% endfor %}
from {{ messages }} as messages
left join
    by_message
    -- a message whose id is missing is one too
    on messages.dispatch_id is not distinct from by_message.dispatch_id
    and messages.user_id is not distinct from by_message.user_id
    and messages.campaign_id is not distinct from by_message.campaign_id
    and messages.variant is not distinct from by_message.variant
