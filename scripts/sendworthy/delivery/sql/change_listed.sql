-- One row a message of a destination's lists: whose it is (`name` as the files say it, `person` as the
-- ledger does), and what it says (`attributes`, a map of texts, null for what is blank; `others`, the
-- members of a JSON row beside it, as text). Of a record that is replaced whole, a hash stands for what it
-- says, and what it says follows as "listed <column>". Given: destination; its record; columns, of its
-- files; user_column; person, SQL for the name; place, SQL for the JSON object that holds its attributes.
{% set item = columns[0] %}
select
    {{ destination.campaign_column | identifier }} as campaign_id,
    {{ destination.message_column | identifier }} as message,
    {{ user_column | identifier }} as user_id,
    {{ person }} as name,
    {% if destination.one_per_address %} {{ hash_of_address(person) }} as person,
    {% else %} {{ person }} as person,
    {% endif %}
    {% if record.is_per_campaign %} {{ destination.campaign_column | identifier }} as scope,
    {% else %} '' as scope,
    {% endif %}
    {% if record.is_replaced %}
        map{
            {{ whole | literal }}:
            md5(
                to_json(
                    [
                        {% for column in columns %}
                            coalesce({{ column | identifier }}::varchar, '')
                            {% if not loop.last %}, {% endif %}
                        {% endfor %}
                    ]
                )::varchar
            )
        } as attributes,
    {% elif is_json %}
        map_from_entries(
            list_transform(
                list_filter(
                    map_entries(cast({{ place }}::json as map(varchar, varchar))),
                    lambda entry:entry.key <> {{ record.person | literal }}
                ),
                lambda entry: {
                    'k':entry.key,
                    {% if destination.blank.says == "empty_clears" %} 'v':nullif(entry.value, '')
                    {% else %} 'v':entry.value
                    {% endif %}
                }
            )
        ) as attributes,
    {% else %}
        map_from_entries(
            list_filter(
                [
                    {% for column in columns if column != record.person %}
                        {'k':{{ column | literal }}, 'v':{{ column | identifier }}::varchar}
                        {% if not loop.last %}, {% endif %}
                    {% endfor %}
                ],
                -- a cell says something, or its field is named among those that are blank
                lambda cell:cell.v is not null
                or list_contains(
                    {% if destination.fields %}
                        list_transform(
                            string_split({{ record.blank_fields | identifier }}, ';'),
                            lambda field:coalesce(
                                map{
                                    {% for field, column in destination.fields.items() %}
                                        {{ field | literal }}:{{ column | literal }}
                                        {% if not loop.last %}, {% endif %}
                                    {% endfor %}
                                }[field],
                                field
                            )
                        ),
                    {% else %}string_split({{ record.blank_fields | identifier }}, ';'),
                    {% endif %}
                    cell.k
                )
            )
        ) as attributes,
    {% endif %}
    {% if is_json and record.attributes %}
        array_to_string(
            list_transform(
                list_filter(
                    json_keys({{ item | identifier }}),
                    lambda member:member
                    not in ({{ record.person | literal }}, {{ record.attributes | literal }})
                ),
                lambda member:', '
                || to_json(member)::varchar
                || ': '
                || json_extract({{ item | identifier }}, '$."' || member || '"')::varchar
            ),
            ''
        ) as others,
    {% else %} '' as others,
    {% endif %}
    {% if record.is_replaced %}
        {% for column in columns %}
            {{ column | identifier }} as {{ ("listed " ~ column) | identifier }},
        {% endfor %}
    {% endif %}
from {{ destination.model | relation }}
