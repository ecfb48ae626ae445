"""One valid request for every documented write, in an order in which each can succeed."""

from __future__ import annotations

from typing import Any

EMAIL = {"email": "new@x.example", "firstName": "N", "lastName": "W", "phone": "1"}
LIST = {"name": "N", "stringid": "n", "sender_url": "https://x.example", "sender_reminder": "r"}
USER = {"username": "ida", "email": "ida@x.example", "firstName": "Ida", "lastName": "Holm"}
DEAL = {"title": "T", "value": 1, "currency": "usd", "contact": 1, "owner": 1, "stage": 1}
OPTION = {"orderid": 1, "value": "a", "label": "A", "isdefault": False, "field": 1}
META = {"fieldLabel": "L", "fieldType": "text"}

# documented call, the path with its ids, the body
WRITES: list[tuple[str, str, Any]] = [
    (
        "POST /contacts",
        "/contacts",
        {"contact": EMAIL | {"fieldValues": [{"field": "1", "value": "x"}]}},
    ),
    (
        "POST /contact/sync",
        "/contact/sync",
        {
            "contact": EMAIL
            | {"email": "b@x.example", "fieldValues": [{"field": "1", "value": "x"}]}
        },
    ),
    ("PUT /contacts/{id}", "/contacts/1", {"contact": EMAIL | {"email": "c@x.example"}}),
    ("POST /tags", "/tags", {"tag": {"tag": "t", "tagType": "contact", "description": "d"}}),
    ("PUT /tags/{id}", "/tags/2", {"tag": {"tag": "u", "tagType": "contact", "description": "d"}}),
    ("POST /contactTags", "/contactTags", {"contactTag": {"contact": 31, "tag": 5}}),
    ("POST /lists", "/lists", {"list": LIST}),
    ("POST /listGroups", "/listGroups", {"listGroup": {"listid": 1, "groupid": 1}}),
    (
        "POST /contactLists",
        "/contactLists",
        {"contactList": {"list": 1, "contact": 31, "status": 1}},
    ),
    ("POST /fields", "/fields", {"field": {"title": "T", "type": "text", "perstag": "T"}}),
    ("PUT /fields/{id}", "/fields/1", {"field": {"title": "U", "type": "text"}}),
    ("POST /fieldOption/bulk", "/fieldOption/bulk", {"fieldOptions": [OPTION]}),
    ("POST /fieldRels", "/fieldRels", {"fieldRel": {"field": 1, "relid": 0}}),
    (
        "POST /fieldValues",
        "/fieldValues",
        {"fieldValue": {"contact": 1, "field": 1, "value": "x"}, "useDefaults": True},
    ),
    (
        "PUT /fieldValues/{id}",
        "/fieldValues/1",
        {"fieldValue": {"contact": 1, "field": 1, "value": "x"}, "useDefaults": True},
    ),
    ("POST /accounts", "/accounts", {"account": {"name": "N", "accountUrl": "https://x.example"}}),
    ("PUT /accounts/{id}", "/accounts/1", {"account": {"name": "M", "owner": 1}}),
    (
        "POST /accountContacts",
        "/accountContacts",
        {"accountContact": {"account": 1, "contact": 31, "jobTitle": "J"}},
    ),
    ("PUT /accountContacts/{id}", "/accountContacts/1", {"accountContact": {"jobTitle": "K"}}),
    *(
        call
        for kind, owner in (("account", "customerAccountId"), ("deal", "dealId"))
        for call in (
            (
                f"POST /{kind}CustomFieldMeta",
                f"/{kind}CustomFieldMeta",
                {f"{kind}CustomFieldMetum": META},
            ),
            (
                f"PUT /{kind}CustomFieldMeta/{{id}}",
                f"/{kind}CustomFieldMeta/2",
                {f"{kind}CustomFieldMetum": {"fieldLabel": "M"}},
            ),
            (
                f"POST /{kind}CustomFieldData",
                f"/{kind}CustomFieldData",
                {f"{kind}CustomFieldDatum": {owner: 1, "customFieldId": 2, "fieldValue": "x"}},
            ),
            (
                f"PUT /{kind}CustomFieldData/{{id}}",
                f"/{kind}CustomFieldData/5",
                {f"{kind}CustomFieldDatum": {"fieldValue": None}},
            ),
            (
                f"POST /{kind}CustomFieldData/bulkCreate",
                f"/{kind}CustomFieldData/bulkCreate",
                [{owner: 1, "customFieldId": 2, "fieldValue": "y"}],
            ),
            (
                f"PATCH /{kind}CustomFieldData/bulkUpdate",
                f"/{kind}CustomFieldData/bulkUpdate",
                [{"id": 5, "fieldValue": None}],
            ),
        )
    ),
    ("POST /notes", "/notes", {"note": {"note": "n", "relid": 1, "reltype": "Subscriber"}}),
    ("PUT /notes/{id}", "/notes/1", {"note": {"note": "m"}}),
    ("POST /deals", "/deals", {"deal": DEAL}),
    ("PUT /deals/{id}", "/deals/1", {"deal": {"title": "U", "percent": 10}}),
    ("PATCH /deals/bulkUpdate", "/deals/bulkUpdate", {"deals": [{"id": 1, "ownerId": 1}]}),
    ("POST /deals/{id}/notes", "/deals/11/notes", {"note": {"note": "n"}}),
    ("PUT /deals/{id}/notes/{noteId}", "/deals/11/notes/{note}", {"note": {"note": "m"}}),
    ("POST /accounts/{id}/notes", "/accounts/1/notes", {"note": {"note": "n"}}),
    ("PUT /accounts/{id}/notes/{noteid}", "/accounts/1/notes/{note}", {"note": {"note": "m"}}),
    ("POST /dealGroups", "/dealGroups", {"dealGroup": {"title": "P", "currency": "usd"}}),
    ("PUT /dealGroups/{id}", "/dealGroups/1", {"dealGroup": {"title": "Q"}}),
    (
        "POST /dealStages",
        "/dealStages",
        {"dealStage": {"title": "S", "group": 1, "color": "3f3f3f"}},
    ),
    ("PUT /dealStages/{id}", "/dealStages/1", {"dealStage": {"title": "R"}}),
    ("PUT /dealStages/{id}/deals", "/dealStages/1/deals", {"deal": {"stage": "2"}}),
    ("POST /contactDeals", "/contactDeals", {"contactDeal": {"contact": 30, "deal": 11}}),
    ("PUT /contactDeals/{id}", "/contactDeals/1", {"contactDeal": {"role": 1}}),
    ("POST /dealRoles", "/dealRoles", {"title": "R"}),
    ("POST /users", "/users", {"user": USER | {"group": 1, "password": "secret-enough"}}),
    ("PUT /users/{id}", "/users/2", {"user": {"firstName": "I", "group": 2}}),
    ("POST /groups", "/groups", {"group": {"title": "G"}}),
    ("PUT /groups/{id}", "/groups/2", {"group": {"title": "H"}}),
    (
        "POST /contactAutomations",
        "/contactAutomations",
        {"contactAutomation": {"contact": 1, "automation": 1}},
    ),
    ("POST /import/bulk_import", "/import/bulk_import", {"contacts": [{"email": "i@x.example"}]}),
]
