-- One row a campaign and candidate of the night, as ledger.decisions has it. Segments only of those whom the
-- results may count one day: they are the largest column by far.
select
    decisions.as_of,
    decisions.user_id,
    decisions.campaign_id,
    decisions.channel,
    decisions.decision,
    decisions.primary_reason,
    decisions.reasons,
    decisions.variant,
    decisions.trigger_at,
    decisions.priority,
    decisions.lost_to,
    decisions.send_at,
    decisions.arm,
    case
        when decisions.decision in ('send', 'control') or reasons.step = 'arbitration' then customers.segments
    end as segments
from marts.campaign_decisions as decisions
left join marts.customers as customers using (user_id)
left join settings.reasons as reasons on decisions.primary_reason = reasons.reason
order by decisions.campaign_id, decisions.user_id
