{# The column account_label, where one warehouse holds many accounts; nothing where it does not. #}

{# In a select or group list, before other columns: `account_label, `. #}
{% macro label(table=none) -%}
  {%- if var('account_labels') -%}{{ table ~ '.' if table }}account_label, {% endif -%}
{%- endmacro %}


{# In a join: `a.account_label = b.account_label and `. #}
{% macro same_label(one, other) -%}
  {%- if var('account_labels') -%}{{ one }}.account_label = {{ other }}.account_label and {% endif -%}
{%- endmacro %}


{# A text that is unique over all accounts, of key columns that may be null. #}
{% macro row_key(columns, table=none) -%}
  {%- set names = (['account_label'] if var('account_labels') else []) + columns -%}
  {%- for name in names -%}
    coalesce({{ table ~ '.' if table }}{{ name }}, 'none'){% if not loop.last %} || '|' || {% endif %}
  {%- endfor -%}
{%- endmacro %}
