{% macro within_days_of_sending(sent_at, days, send_at) -%}
    {#
        "within N days" between messages: UTC dates, counted from the day on which the message would go out, so that a weekly letter
        may go out every week. No end: what is sent but not due yet counts too
    #}
    cast({{ sent_at }} as date) > cast({{ days_before(send_at, days) }} as date)
{%- endmacro %}
