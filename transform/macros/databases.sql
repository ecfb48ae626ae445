{# What DuckDB and PostgreSQL spell differently. #}

{% macro json_type() %}{{ return(adapter.dispatch('json_type')()) }}{% endmacro %}
{% macro default__json_type() %}{{ return('json') }}{% endmacro %}
{% macro postgres__json_type() %}{{ return('jsonb') }}{% endmacro %}


{# A loaded object or array, whatever type the loader gave its column, as JSON. #}
{% macro as_json(column, type) %}{{ return(adapter.dispatch('as_json')(column, type)) }}{% endmacro %}
{% macro default__as_json(column, type) %}
  {{ return(column if type == 'json' else 'cast(' ~ column ~ ' as json)' if type in ('varchar', 'text') else 'to_json(' ~ column ~ ')') }}
{% endmacro %}
{% macro postgres__as_json(column, type) %}
  {{ return(column if type == 'jsonb' else 'cast(' ~ column ~ ' as jsonb)' if type in ('text', 'json', 'character varying') else 'to_jsonb(' ~ column ~ ')') }}
{% endmacro %}


{# For the from clause: a row per item of a JSON array, as `items.item`. #}
{% macro json_items(column) %}{{ return(adapter.dispatch('json_items')(column)) }}{% endmacro %}
{% macro default__json_items(column) %}
  {{ return("unnest(from_json(" ~ column ~ ", '[\"json\"]')) as items (item)") }}
{% endmacro %}
{% macro postgres__json_items(column) %}
  {{ return("lateral jsonb_array_elements(case jsonb_typeof(" ~ column ~ ") when 'array' then " ~ column ~ " else '[]' end) as items (item)") }}
{% endmacro %}


{# For the select list: a row per day from one date to another, both included. #}
{% macro days_between(first, last) %}{{ return(adapter.dispatch('days_between')(first, last)) }}{% endmacro %}
{% macro default__days_between(first, last) %}
  {{ return('cast(unnest(generate_series(cast(' ~ first ~ ' as timestamp), cast(' ~ last ~ " as timestamp), interval '1 day')) as date)") }}
{% endmacro %}
{% macro postgres__days_between(first, last) %}
  {{ return('cast(generate_series(cast(' ~ first ~ ' as timestamp), cast(' ~ last ~ " as timestamp), interval '1 day') as date)") }}
{% endmacro %}


{# Days between two times, with a fraction. #}
{% macro days(first, last) %}
  {{ return('cast(extract(epoch from (' ~ last ~ ' - ' ~ first ~ ')) / 86400 as double precision)') }}
{% endmacro %}


{# An empty list of texts. #}
{% macro no_texts() %}{{ return('cast(array[] as text[])' if target.type == 'postgres' else 'cast([] as text[])') }}{% endmacro %}


{# One count over another; null where there is nothing to divide by. #}
{% macro ratio(part, whole) %}
  {{ return('cast(' ~ part ~ ' as double precision) / nullif(' ~ whole ~ ', 0)') }}
{% endmacro %}


{# An amount of money in whole currency units. #}
{% macro money(amount) %}{{ return('cast(' ~ amount ~ ' as decimal(28, 2))') }}{% endmacro %}


{# The later of two times; where one is null, the other. #}
{% macro latest(one, other) %}
  {{ return('greatest(coalesce(' ~ one ~ ', ' ~ other ~ '), coalesce(' ~ other ~ ', ' ~ one ~ '))') }}
{% endmacro %}
