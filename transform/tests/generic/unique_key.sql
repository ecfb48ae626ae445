{# Fails for every key that stands twice; account_label is part of each where it is used. #}
{% test unique_key(model, columns) %}
{%- set names = (['account_label'] if var('account_labels') else []) + columns -%}
select {{ names | join(', ') }}
from {{ model }}
group by {{ names | join(', ') }}
having count(*) > 1
{% endtest %}
