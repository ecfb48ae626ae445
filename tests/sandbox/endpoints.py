"""Every module that registers routes; importing this one makes them known."""

from tests.sandbox import contacts, crm_reads, deals, mail_reads, people_reads, relations

__all__ = ["contacts", "crm_reads", "deals", "mail_reads", "people_reads", "relations"]
