-- One row a row of tonight's files of changes, leavers first: the campaign, the place in its file, and the
-- columns of the file. Given: columns; told and left, SQL for each column of a row that tells something,
-- and of one that takes somebody off; always, the members of a JSON row that are said whatever is told;
-- blank, SQL for a blank value in JSON.
with
    told as (
        select
            *,
            {% if is_in_members %}
                -- only what must be told is said, and who it is of
                array_to_string(
                    list_transform(
                        list_filter(
                            map_entries(attributes),
                            lambda entry:list_contains(told_fields, entry.key)
                            or list_contains($always, entry.key)
                        ),
                        lambda entry:to_json(entry.key)::varchar
                        || ': '
                        || coalesce(to_json(entry.value)::varchar, {{ blank }})
                    ),
                    ', '
                ) as members,
            {% endif %}
        from change_told
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
            {% for column, cell in told.items() %} {{ cell }} as {{ column | identifier }}, {% endfor %}
        from told
    )

select
    list_campaign,
    row_number() over (partition by list_campaign order by list_part, list_key) as list_place,
    {% for column in columns %} {{ column | identifier }}, {% endfor %}
from rows_to_write
