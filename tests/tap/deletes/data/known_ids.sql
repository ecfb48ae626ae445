CREATE SCHEMA activecampaign_known_ids;
CREATE TABLE activecampaign_known_ids.gone (
    kind text NOT NULL COLLATE pg_catalog."C",
    parent text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    at text COLLATE pg_catalog."C"
);
CREATE TABLE activecampaign_known_ids.known (
    kind text NOT NULL COLLATE pg_catalog."C",
    parent text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    who text COLLATE pg_catalog."C",
    checked text COLLATE pg_catalog."C"
);
CREATE TABLE activecampaign_known_ids.swept (
    kind text NOT NULL COLLATE pg_catalog."C",
    at text COLLATE pg_catalog."C"
);
INSERT INTO activecampaign_known_ids.gone VALUES ('acme/contacts', '', '2', '2026-11-20T09:00:00.000000+00:00');
INSERT INTO activecampaign_known_ids.known VALUES ('acme/contacts', '', '1', '1', NULL);
INSERT INTO activecampaign_known_ids.known VALUES ('acme/contacts', '', '3', '1', NULL);
INSERT INTO activecampaign_known_ids.known VALUES ('acme/contacts', '', '10', '1', '2026-11-20T09:00:00.000000+00:00');
INSERT INTO activecampaign_known_ids.known VALUES ('acme/contactTags', '1', '7', '1', NULL);
INSERT INTO activecampaign_known_ids.known VALUES ('acme/contactTags', '1', '8', '1', NULL);
INSERT INTO activecampaign_known_ids.known VALUES ('acme/contactTags', '2', '7', '1', NULL);
INSERT INTO activecampaign_known_ids.swept VALUES ('acme/contacts', '2026-11-20T09:00:00.000000+00:00');
INSERT INTO activecampaign_known_ids.swept VALUES ('acme/contactTags', '2026-11-20T10:00:00.000000+00:00');
ALTER TABLE ONLY activecampaign_known_ids.gone
    ADD CONSTRAINT gone_pkey PRIMARY KEY (kind, parent, id);
ALTER TABLE ONLY activecampaign_known_ids.known
    ADD CONSTRAINT known_pkey PRIMARY KEY (kind, parent, id);
ALTER TABLE ONLY activecampaign_known_ids.swept
    ADD CONSTRAINT swept_pkey PRIMARY KEY (kind);
