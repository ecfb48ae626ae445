"""Imports every module that registers routes."""

from tests.sandbox import (
    account_writes,
    contact_writes,
    contacts,
    crm_reads,
    custom_writes,
    deal_writes,
    deals,
    event_tracking,
    field_writes,
    importer,
    mail_reads,
    mail_writes,
    note_writes,
    people_reads,
    people_writes,
    pipeline_writes,
    relations,
    remaining,
)
from tests.sandbox.custom_objects import routes as custom_object_routes
from tests.sandbox.ecommerce import graphql_route, rest, rest_writes
from tests.sandbox.engagement import routes as engagement_routes
from tests.sandbox.routes import find, patterns
from tests.sandbox.tasks import routes as task_routes

__all__ = [
    "account_writes",
    "contact_writes",
    "contacts",
    "crm_reads",
    "custom_object_routes",
    "custom_writes",
    "deal_writes",
    "deals",
    "engagement_routes",
    "event_tracking",
    "field_writes",
    "find",
    "graphql_route",
    "importer",
    "mail_reads",
    "mail_writes",
    "note_writes",
    "patterns",
    "people_reads",
    "people_writes",
    "pipeline_writes",
    "relations",
    "remaining",
    "rest",
    "rest_writes",
    "task_routes",
]
