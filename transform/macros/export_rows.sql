{#
  A table as JSON lines, for tap-jsonl: no Singer tap reads DuckDB. PostgreSQL needs no file,
  tap-postgres reads the schema.
#}
{% macro export_rows(relation) %}
  {%- set folder = env_var('DBT_ACTIVATION_FOLDER', '') -%}
  {%- if target.type == 'duckdb' and folder -%}
    copy (select * from {{ relation }}) to '{{ folder }}/{{ relation.identifier }}.jsonl' (format json)
  {%- endif -%}
{% endmacro %}
