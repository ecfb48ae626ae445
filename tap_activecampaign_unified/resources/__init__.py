"""The unified resources: their properties, and how the packages read and write them.

This package does no I/O. ``RESOURCES`` has each resource after those that its records refer to.
"""

from .commerce import customers, orders, products, stores, subscriptions
from .crm import (
    accounts,
    contacts,
    field_definitions,
    notes,
    opportunities,
    opportunity_changes,
    scores,
    stages,
    tasks,
    users,
)
from .directory import groups
from .directory import users as directory_users
from .marketing import automations, campaigns, engagements, saved_segments, segments, tags
from .marketing import contacts as marketing_contacts
from .resource import Resource

RESOURCES: tuple[Resource, ...] = (
    groups.GROUPS,
    directory_users.USERS,
    users.USERS,
    field_definitions.FIELDS,
    tags.TAGS,
    segments.SEGMENTS,
    stages.PIPELINES,
    stages.STAGES,
    accounts.ACCOUNTS,
    marketing_contacts.CONTACTS,
    contacts.CONTACTS,
    tags.CONTACT_TAGS,
    segments.MEMBERSHIPS,
    opportunities.OPPORTUNITIES,
    notes.NOTES,
    # Off until selected: tasks, changes, scores, automations, campaigns, engagements.
    tasks.TASKS,
    opportunity_changes.CHANGES,
    scores.CONTACT_SCORES,
    scores.OPPORTUNITY_SCORES,
    automations.AUTOMATIONS,
    automations.CONTACT_AUTOMATIONS,
    campaigns.CAMPAIGNS,
    campaigns.CAMPAIGN_MESSAGES,
    saved_segments.SAVED_SEGMENTS,
    saved_segments.SAVED_SEGMENT_MEMBERS,
    engagements.ENGAGEMENTS,
    # Off until selected: e-commerce.
    stores.STORES,
    customers.CUSTOMERS,
    products.PRODUCTS,
    orders.ORDERS,
    orders.LINES,
    subscriptions.SUBSCRIPTIONS,
)

by_name: dict[str, Resource] = {resource.name: resource for resource in RESOURCES}

__all__ = ["RESOURCES", "by_name"]
