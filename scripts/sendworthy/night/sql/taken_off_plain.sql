-- One row a message that was taken back, of a destination where a row is no person: by its id, with the
-- reasons. Given: $channels; columns; is_json, where they are the members of an object.
select
    {% if is_json %}
        to_json(
            struct_pack(
                {% for column in columns %}
                    {{ column | identifier }} := {{ column | identifier }} {% if not loop.last %}, {% endif %}
                {% endfor %}
            )
        )::varchar as payload,
    {% else %} {% for column in columns %} {{ column | identifier }}, {% endfor %}
    {% endif %}
    campaign_id as row_campaign,
    dispatch_id as row_key
from taken_back
where list_contains($channels, channel)
