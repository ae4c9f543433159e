-- One row a row of tonight's files of changes, leavers first: the campaign, the place in its file, and the
-- columns of the file. Given: columns; on_list and left, SQL for each column of a row of a message on
-- the list, and of one that takes somebody off; always, the members that every JSON row has; blank, SQL for
-- a blank value in JSON.
with
    messages as (
        select
            *,
            {% if is_in_members %}
                -- only what must be written, and whose it is
                array_to_string(
                    list_transform(
                        list_filter(
                            map_entries(attributes),
                            lambda entry:list_contains(written_fields, entry.key)
                            or list_contains($always, entry.key)
                        ),
                        lambda entry:to_json(entry.key)::varchar
                        || ': '
                        || coalesce(to_json(entry.value)::varchar, {{ blank }})
                    ),
                    ', '
                ) as members,
            {% endif %}
        from change_messages
    ),

    rows_to_write as (
        select
            campaign_id as list_campaign,
            1 as list_part,
            name as list_key,
            {% for column, cell in left.items() %} {{ cell }} as {{ column | identifier }}, {% endfor %}
        from change_leavers
        where name is not null
        union all by name
        select
            campaign_id as list_campaign,
            2 as list_part,
            message as list_key,
            {% for column, cell in on_list.items() %} {{ cell }} as {{ column | identifier }}, {% endfor %}
        from messages
    )

select
    list_campaign,
    row_number() over (partition by list_campaign order by list_part, list_key) as list_place,
    {% for column in columns %} {{ column | identifier }}, {% endfor %}
from rows_to_write
