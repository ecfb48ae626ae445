{# The time of a snapshot in UTC, as all other times are; dbt takes that of the session. #}
{% macro postgres__snapshot_get_time() %}(now() at time zone 'UTC'){% endmacro %}
{% macro duckdb__snapshot_get_time() %}(now() at time zone 'UTC'){% endmacro %}
