{# Whether the history of deals was loaded, without which nothing is known of former stages. #}
{% macro changes_are_known() %}{{ return(is_loaded('crm_opportunity_changes')) }}{% endmacro %}
