{# Fails for every row whose column names a row of another model that does not exist. #}
{% test refers_to(model, column_name, to, field) %}
select one.{{ column_name }}
from {{ model }} as one
left join {{ to }} as other
    on {{ same_label('one', 'other') }}one.{{ column_name }} = other.{{ field }}
where one.{{ column_name }} is not null and other.{{ field }} is null
{% endtest %}
