"""One switch for each behaviour on which sources disagree, set to the likelier behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal


@dataclass
class Switches:
    """How this account behaves where the API is unconfirmed (reference §12)."""

    version: ClassVar[int] = 0  # how often any switch was set, to invalidate caches

    limit_over_100: Literal["cap", "422"] = "cap"
    most_rows: int = 100  # the largest page, also where the request asks for more
    nested_paged: bool = True  # /contacts/{id}/… default to 20 rows too
    fields_default_limit: int = 20  # documented 100, seen 20

    include: Literal["all", "none"] | frozenset[str] = "all"  # or just these relations
    include_nested: bool = True  # contactTags.tag and the like
    include_unknown: Literal["ignore", "400"] = "ignore"
    include_row_cap: int | None = None  # the largest number of rows in one sideloaded array
    include_id_arrays: bool = True  # contact.contactTags: ["1", …]
    include_empty_key: bool = True  # an included relation without rows is [] rather than absent

    date_filters: Literal["honoured", "ignored"] = "honoured"
    date_granularity: Literal["second", "day"] = "second"
    date_inclusive: bool = False  # contacts only; deals are documented: after >=, before <
    date_column: Literal["udate", "updated_timestamp"] = "udate"
    date_naive_zone: Literal["account", "UTC"] = "account"
    date_z_zone: Literal["UTC", "account"] = "UTC"

    id_greater: bool = True
    id_greater_total: Literal["beyond", "all"] = (
        "beyond"  # the rows that meta.total counts under a keyset
    )
    contact_orders: Literal["honoured", "ignored"] = "honoured"  # any orders[…] on /contacts
    orders_id_elsewhere: bool = False  # orders[id] off /contacts
    orders_mdate: bool = False  # orders[mdate] on deals, orders[udate] elsewhere
    drifting_order: bool = (
        True  # the order of /contactTags and /contactLists varies between requests
    )
    undocumented_filters: bool = False  # fieldValues[contact], notes[relid], contactAutomations[…]

    meta_total: Literal["native", "string", "int", "missing", "wrong", "larger"] = "native"
    ratelimit_headers: bool = False  # RateLimit-* on 2xx
    throttle_status: Literal[429, 503] = 429
    throttle_body: str = ""
    retry_after: int | str | None = 1
    bad_key_status: Literal[403, 401] = 403

    users_stamps: bool = True  # cdate and udate on users rows
    users_mfa: bool = True  # mfaEnabled on users rows
    user_groups_collection: bool = False  # GET /userGroups
    group_user_groups: bool = True  # GET /groups/{id}/userGroups

    stub_disabled: bool | int = True  # isDisabled of a hidden deal: true or 1
    stub_status: bool = True  # status of a hidden deal
    # §13: values of accounts are wide and under a live name, in the sideload and below
    # one account, or in the collection too; or slim and under the documented name everywhere.
    account_data: Literal["live", "live everywhere", "documented"] = "live"
    deal_data_sideload: Literal["wide", "slim"] = "wide"  # spelling of sideloaded values
    deal_activities: Literal["live", "documented"] = "live"  # the word for a change of stage
    deal_field_stamps: Literal["UTC", "naive"] = "UTC"  # of deal fields and their values
    account_links: bool = True  # links of accounts, else []
    stage_udate_future: bool = False  # §10 trap 7

    # the name of the rows of /ecomOrders/{id}/orderDiscounts: that of the documented answer to a
    # create, which clients read, or that of the path
    order_discounts: Literal["ecomOrderDiscounts", "orderDiscounts"] = "ecomOrderDiscounts"

    email_match: Literal["folded", "exact"] = "folded"
    email_invalid_status: Literal[422, 400] = 422
    account_settings: Literal["wrapped", "bare"] = "wrapped"  # GET /settings/account
    over_limit: Literal["added", "refused"] = "added"  # contacts beyond the account's limit
    tag_match: Literal["folded", "exact"] = "folded"
    account_match: Literal["folded", "exact"] = "folded"
    resubscribe_needs_source: bool = True  # without sourceid 4 a person's own opt-out remains
    contact_tag_again: Literal[200, 422] = 200
    deal_stage_alone_moves: bool = False  # a stage of another pipeline without its group
    unknown_option: Literal["stored", "422"] = "stored"
    list_put: Literal["empty", "works"] = "empty"  # PUT /lists/{id}: 200 without a body, or a list
    bulk_owner_route: Literal["bulkUpdate", "bulkUpdate/owners"] = "bulkUpdate"

    left_enrolment: Literal["removed", "ended"] = "removed"  # the row after a DELETE
    no_enrolment_status: Literal[403, 404] = 403  # DELETE of a missing enrolment
    refused_enrolment_status: Literal[403, 422] = 403  # POST of an impossible enrolment

    bump_list_status: bool = False  # whether it changes the contact's udate
    bump_field_value: bool = True  # 20 of 20 recordings (§13)
    bump_account_link: bool = False
    bump_deal: bool = False

    # By default the rows are invented; "served" has tables that can be written.
    ecommerce: Literal["invented", "served", "closed"] = "invented"
    ecommerce_closed: Literal[403, 404, "errors"] = 403  # how an account without e-commerce answers
    ecommerce_copy_seconds: float = 3  # seconds until a row is in the next store
    orders_subscribe: bool = True  # does accepting marketing subscribe to the shop's list?
    order_upsert: Literal["replace", "patch"] = "replace"
    payments_create_contacts: bool = True  # does a subscription create its contact, as orders do?
    payment_upsert: Literal["replace", "patch"] = "replace"
    order_discount_field: Literal["discountsAmount", "discountAmount", "both"] = "discountsAmount"
    order_filters: Literal["all", "shown"] = "all"  # dates and ids, or what examples show alone
    order_state_of_others: int = 1  # the REST state of CANCELLED, REFUNDED and the like
    ecom_duplicate_status: Literal[422, 400] = 422  # a second customer or order with one key
    ecom_orders_id: bool = False  # orders[id] on /ecomOrders
    date_ranges: Literal["refused", "honoured", "ignored"] = "refused"  # GTE on date texts
    text_filters: Literal["honoured", "ignored"] = "honoured"  # CONTAINS on texts
    ecommerce_sort: Literal["honoured", "ignored"] = "honoured"
    missing_dates_sort: Literal["last", "first"] = "last"
    graphql_decimals: Literal["number", "text"] = "number"
    search_nulls: int | None = None  # each such row of a search is null
    graphql_error_key: str = "{table}-{field}-{key}-{own}-invalid"  # what names a bad row
    graphql_most_rows: int | None = None  # the largest number of rows of one mutation
    tokens_count_variables: bool = False  # whether the token limit counts the variables

    record_upsert: Literal["replace", "patch"] = "replace"  # fields that are left out
    record_relationships: Literal["cleared", "kept"] = "cleared"  # relationships left out
    record_upsert_by_id: bool = True
    record_answer_has_id: bool = False
    record_unknown_field: Literal["422", "dropped"] = "422"
    record_delete_missing: Literal[202, 404] = 202
    record_created_ranges: Literal["empty", "honoured"] = "empty"
    record_numbers: Literal["number", "text"] = "number"
    record_stamp_digits: Literal[3, 9] = 3
    record_lag_seconds: float = 5  # seconds until reads show a write

    engagement: Literal["invented", "served"] = "invented"
    mpp_link_data: Literal["collection", "absent"] = "collection"
    activities_sideload: bool = True  # include=reference… on /activities
    activities_at_once: bool = False  # or only after the contact was read

    tasks: Literal["invented", "served"] = "invented"
    task_needs_outcome: bool = True  # to complete a task whose type has outcomes

    event_answer: Literal["json", "text"] = "json"
    event_unregistered: Literal["refused", "accepted"] = "refused"
    event_unknown_email: Literal["accepted", "refused", "creates"] = "accepted"
    event_name_again: Literal[422, 201] = 422

    import_creates_accounts: bool = True
    exclude_automations_at: Literal["contact", "payload", "both"] = "contact"
    import_success_key: Literal["Success", "success"] = "success"
    import_seconds: float = 4  # seconds from queueing a batch until it is processed
    import_outcome: Literal["completed", "failed", "interrupted"] = "completed"
    import_lists_updated: bool = False  # among the created contacts, as some accounts do
    import_names_excluded: bool = True  # among the failures; or skips these contacts silently

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a switch that exists."""
        if not hasattr(type(self), name) and name not in self.__dataclass_fields__:
            raise AttributeError(f"there is no switch {name}")
        Switches.version += 1
        super().__setattr__(name, value)
