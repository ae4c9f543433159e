-- One row a message that was taken back since the night: one of the night, or of an earlier one that was
-- still due then.
select
    cancellations.dispatch_id,
    cancellations.user_id,
    cancellations.campaign_id,
    campaigns.channel,
    strftime(dispatches.send_at, '%Y-%m-%dT%H:%M:%SZ') as send_at,
    strftime(cancellations.cancelled_at, '%Y-%m-%dT%H:%M:%SZ') as cancelled_at,
    array_to_string(cancellations.reasons, ';') as reasons
from ledger.cancellations as cancellations
inner join settings.campaigns as campaigns using (campaign_id)
-- a rerun of the night has not dispatched it again
left join ledger.dispatches as dispatches using (as_of, dispatch_id)
where
    cancellations.cancelled_at >= (select as_of from intermediate.int_nights__as_of)
    and cancellations.as_of <= (select as_of from intermediate.int_nights__as_of)
    and cancellations.user_id not like 'erased:%'
