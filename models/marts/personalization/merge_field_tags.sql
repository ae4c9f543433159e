with
    merge_fields as (select * from {{ ref("merge_fields") }}),

    merge_tags as (select * from {{ ref("merge_tags") }}),

    -- the names under which the lists have a field; Mailchimp takes ten letters and digits. So does
    -- read_merge_tags, for templates
    usual as (
        select 'braze' as dialect, merge_field, 'custom_attribute.${' || merge_field || '}' as merge_tag
        from merge_fields
        union all
        select 'handlebars' as dialect, merge_field, merge_field as merge_tag
        from merge_fields
        union all
        select
            'mailchimp' as dialect, merge_field, left(replace(upper(merge_field), '_', ''), 10) as merge_tag
        from merge_fields
    ),

    written as (
        -- more than one tag may print a field: the first by name
        select dialect, merge_field, min(merge_tag) as merge_tag
        from merge_tags
        where merge_field is not null
        group by dialect, merge_field
    ),

    final as (
        select usual.dialect, usual.merge_field, coalesce(written.merge_tag, usual.merge_tag) as merge_tag
        from usual
        left join written on usual.dialect = written.dialect and usual.merge_field = written.merge_field
    )

select *
from final
