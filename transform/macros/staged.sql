{#
  The newest version of each row of a loaded table, without those that are gone, typed and renamed.

  A table or a column that was not loaded gives typed nulls, so that every model can be built
  whatever streams are selected. `columns` holds [name, path, type]; a path is a column, a member
  of an object in it (`account.id`), or a member of an array's first object (`contact[0].id`).
#}
{% macro staged(source_name, table, keys, columns) %}
{%- set relation = source(source_name, table) -%}
{%- set there = loaded_columns(relation) -%}
{%- if var('account_labels') -%}
  {%- set keys = (['account_label'] if 'account_label' in there else []) + keys -%}
  {%- set columns = [['account_label', 'account_label', 'text']] + columns -%}
{%- endif -%}
{%- set columns = columns + [['loaded_at', '_sdc_batched_at', 'time']] -%}
{%- set newest = [] -%}
{%- for name in ('_sdc_extracted_at', '_sdc_batched_at', '_sdc_sequence') if name in there -%}
  {%- do newest.append(name ~ ' desc nulls last') -%}
{%- endfor -%}
{%- if there %}
with versions as (
    select
        *,
        row_number() over (
            partition by {% for key in keys %}{{ adapter.quote(key) }}{{ ', ' if not loop.last }}{% endfor %}
            order by {{ newest | join(', ') if newest else keys | join(', ') }}
        ) as version_number
    from {{ relation }}
)
{% endif %}
select
{%- for name, path, type in columns %}
    {{ typed(value_at(path, there), type) }} as {{ name }}{{ ',' if not loop.last }}
{%- endfor %}
{% if there -%}
from versions
where version_number = 1{% if '_sdc_deleted_at' in there %} and _sdc_deleted_at is null{% endif %}
{%- else -%}
where false
{%- endif %}
{% endmacro %}


{# The columns of a loaded table and their types; empty where the table was not loaded. #}
{% macro loaded_columns(relation) %}
  {%- set found = {} -%}
  {%- if execute and load_relation(relation) is not none -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
      {%- do found.update({column.name: column.dtype | lower}) -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(found) }}
{% endmacro %}


{# Whether a stream was loaded. #}
{% macro is_loaded(table) %}
  {{ return(execute and load_relation(source('activecampaign', table)) is not none) }}
{% endmacro %}


{# The value at a path, and the type that it has there: ['"amount"', 'double'], or none. #}
{% macro value_at(path, there) %}
  {%- if path in there -%}
    {{ return([adapter.quote(path), there[path]]) }}
  {%- endif -%}
  {%- set column = path.split('.')[0].split('[')[0] -%}
  {%- if '.' not in path or column not in there -%}
    {{ return(none) }}
  {%- endif -%}
  {%- set object = as_json(adapter.quote(column), there[column]) -%}
  {%- if '[0]' in path -%}
    {%- set object = '(' ~ object ~ '->0)' -%}
  {%- endif -%}
  {{ return(['(' ~ object ~ "->>'" ~ path.split('.')[1] ~ "')", 'text']) }}
{% endmacro %}


{# A value in one of the staging types. Times are UTC, without a zone. #}
{% macro typed(value, type) %}
  {%- set types = {
    'text': 'text',
    'integer': 'bigint',
    'number': 'double precision',
    'money': 'decimal(28, 6)',
    'boolean': 'boolean',
    'date': 'date',
    'time': 'timestamp',
    'json': json_type(),
  } -%}
  {%- if value is none -%}
    {{ return('cast(null as ' ~ types[type] ~ ')') }}
  {%- elif type == 'json' -%}
    {{ return(as_json(value[0], value[1])) }}
  {%- elif type == 'time' and 'with time zone' in value[1] -%}
    {{ return('(' ~ value[0] ~ " at time zone 'UTC')") }}
  {%- endif -%}
  {{ return('cast(' ~ value[0] ~ ' as ' ~ types[type] ~ ')') }}
{% endmacro %}
