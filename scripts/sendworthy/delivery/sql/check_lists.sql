-- One row: how many messages of a campaign's list, whole, are missing, were never published, or are not
-- as they were published. Given: $destination, $campaign_id, the export model, its two key columns, and
-- contents, SQL for all that a row says.
with
    published as (
        select {{ message_column | identifier }} as dispatch_id, {{ contents }} as contents
        from {{ model | relation }}
        where {{ campaign_column | identifier }} = $campaign_id
    ),

    listed as (
        select dispatch_id, contents
        from delivered
        where campaign_id = $campaign_id and destination = $destination
    ),

    lost as (
        select *
        from published
        except all
        select *
        from listed
    ),

    strange as (
        select *
        from listed
        except all
        select *
        from published
    )

select
    (select count(*) from lost where dispatch_id not in (select dispatch_id from listed)) as missing,
    (select count(*) from strange where dispatch_id not in (select dispatch_id from published)) as added,
    (select count(*) from strange where dispatch_id in (select dispatch_id from published)) as changed
