-- Orders of the stores, without carts and test orders, with the contact who has the order's address.
with addresses as (
    select
        {{ label() }}lower(email) as email,
        min(contact_id) as contact_id
    from {{ ref('int_contacts') }}
    where email is not null
    group by {{ label() }}lower(email)
)

select
    {{ label('orders') }}orders.order_id,
    orders.store_id,
    orders.store_order_id,
    orders.number,
    orders.status,
    case
        when orders.status in ('pending', 'pending_payment', 'waiting') then 'pending'
        when orders.status in ('cancelled', 'refunded', 'returned', 'failed') then 'cancelled'
        when orders.status in ('completed', 'recovered') then 'completed'
        else 'unknown'
    end as outcome,
    orders.total_amount as amount,
    upper(orders.currency) as currency,
    orders.contact_email as email,
    contacts.contact_id,
    contacts.account_id,
    coalesce(orders.store_created_at, orders.created_at) as ordered_at,
    orders.loaded_at
from {{ ref('stg_activecampaign__commerce_orders') }} as orders
left join addresses
    on {{ same_label('addresses', 'orders') }}addresses.email = lower(orders.contact_email)
left join {{ ref('int_contacts') }} as contacts
    on {{ same_label('contacts', 'addresses') }}contacts.contact_id = addresses.contact_id
where orders.store_order_id is not null
    and coalesce(orders.status, 'unknown') <> 'abandoned'
    and not coalesce(orders.is_test, false)
