with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    gates as (select * from {{ ref("int_campaigns__gates") }}),

    channels as (select * from {{ ref("int_users__channels") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    variants as (select * from {{ ref("int_campaigns__variants") }}),

    merge_field_values as (select * from {{ ref("merge_field_values") }}),

    final as (
        select
            md5(
                decisions.campaign_id || ':' || decisions.user_id || ':' || {{ date_text("decisions.as_of") }}
            ) as dispatch_id,
            decisions.user_id,
            decisions.campaign_id,
            decisions.channel,
            channels.address,
            decisions.variant,
            decisions.send_at,
            least(gates.expires_at, {{ add_seconds("decisions.send_at", 86400) }}) as valid_until,
            campaigns.cancel_on,
            {{ merge_values_json(merge_field_names(ref("merge_field_values")), "variants.printed_fields") }}
            as merge_values,
            gates.journey_started_at,
            gates.address_hash,
            decisions.arm
        from decisions
        inner join gates on decisions.user_id = gates.user_id and decisions.campaign_id = gates.campaign_id
        inner join channels on decisions.user_id = channels.user_id and decisions.channel = channels.channel
        inner join campaigns on decisions.campaign_id = campaigns.campaign_id
        inner join
            variants on decisions.campaign_id = variants.campaign_id and decisions.variant = variants.variant
        inner join merge_field_values on decisions.user_id = merge_field_values.user_id
        where decisions.decision = 'send'
    )

select *
from final
