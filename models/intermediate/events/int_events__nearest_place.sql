with
    events as (select * from {{ ref("int_events__visible") }}),

    places as (select * from {{ ref("places") }}),

    valid_pings as (
        select
            *,
            row_number() over (partition by user_id order by occurred_at desc, event_id desc) as ping_number
        from events
        where
            event_name = 'location_ping'
            and {{ within_days("occurred_at", 1) }}
            and latitude between -90 and 90
            and longitude between -180 and 180
    ),

    newest_pings as (select * from valid_pings where ping_number = 1),

    distances as (
        select
            newest_pings.user_id,
            places.place_id,
            places.name as place_name,
            coalesce(places.radius_m, 50) as radius_m,
            {{
                distance_in_metres(
                    "newest_pings.latitude", "newest_pings.longitude", "places.latitude", "places.longitude"
                )
            }} as distance_m
        from newest_pings
        cross join places
    ),

    ranked as (
        select *, row_number() over (partition by user_id order by distance_m, place_id) as place_number
        from distances
        where distance_m <= radius_m
    ),

    final as (select user_id, place_id, place_name, distance_m from ranked where place_number = 1)

select *
from final
