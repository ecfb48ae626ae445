{# The schema `activation` is the one that tap-postgres reads: it has no prefix. #}
{% macro generate_schema_name(custom_schema_name, node) %}
  {%- if custom_schema_name == 'activation' -%}
    activation
  {%- else -%}
    {{ default__generate_schema_name(custom_schema_name, node) }}
  {%- endif -%}
{% endmacro %}
