CREATE SCHEMA activecampaign_ledger;
CREATE TABLE activecampaign_ledger.accounts (
    account integer NOT NULL,
    name text NOT NULL
);
ALTER TABLE activecampaign_ledger.accounts ALTER COLUMN account ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME activecampaign_ledger.accounts_account_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE activecampaign_ledger.confirmed (
    account integer NOT NULL,
    key bytea NOT NULL,
    id text,
    fields bytea
);
CREATE TABLE activecampaign_ledger.copies (
    account integer NOT NULL,
    family text NOT NULL,
    source text NOT NULL,
    id text
);
CREATE TABLE activecampaign_ledger.meta (
    account integer NOT NULL,
    name text NOT NULL,
    value bytea
);
CREATE TABLE activecampaign_ledger.pending (
    account integer NOT NULL,
    key bytea NOT NULL,
    step text NOT NULL,
    since double precision
);
INSERT INTO activecampaign_ledger.accounts OVERRIDING SYSTEM VALUE VALUES (1, 'acme');
INSERT INTO activecampaign_ledger.confirmed VALUES (1, '\x75891c5ed9aaa0c2b2b84a6e4e6e52ba', '9', '\x28799ce789f5fe81fa41593c87d39073');
INSERT INTO activecampaign_ledger.confirmed VALUES (1, '\x006a1c04323b22dbbe1ec702b50004c2', '31', '\x06e2b042afb6eba44f01499c7fb6e44b25d6255b57036c3ad04972305d40e8305910d7da099eeda6b08a3027da603fa3');
INSERT INTO activecampaign_ledger.confirmed VALUES (1, '\xf984ff5eee03357b632d9e273507658e', '11', '\x1f689b78c67f0598abb551ecd63e10f728799ce789f5fe8198f22ecb40bcb7c93e8e03e6e9d6a2444f2f0dc9536012824ac8038efdc786b7aac0267635282ac3c80f1321ec2b2194b64a5b691857ec44f796be64737d22c2cb02eabe358f1617');
INSERT INTO activecampaign_ledger.confirmed VALUES (1, '\xf1c4c6be5843f2a0fc4596080b3843a5', '4', '\x095f2171da98d868bd21b8fa8ad2fd031f689b78c67f0598abb551ecd63e10f7');
INSERT INTO activecampaign_ledger.confirmed VALUES (1, '\x2e6b0ae407fbeb81cc7f5e6f60feef49', '5', '\x36c3aa6c11da1bcb612c4aa9de4a2d7e5ff0163a5d608188b03a3e7581594913');
INSERT INTO activecampaign_ledger.confirmed VALUES (1, '\xb5c06d82ef283c976f631e870915e126', '6', '\x');
INSERT INTO activecampaign_ledger.confirmed VALUES (1, '\x523daaac2825c65c26d6b1b5f7f03e4a', NULL, '\xb5c407d9d2af604b56e0fe564efed7c8');
INSERT INTO activecampaign_ledger.copies VALUES (1, 'account', '17', '4');
INSERT INTO activecampaign_ledger.copies VALUES (1, 'tag', '\\0 b\0', '9');
INSERT INTO activecampaign_ledger.meta VALUES (1, 'secret', '\xc45d9604fc7ca13d9f48f0313ce0dcc7f208880a83e50467f933f282aaedf502');
INSERT INTO activecampaign_ledger.meta VALUES (1, 'proof', '\xb2edb78bb2c6c6e46577a1a214c78153b275b4d3b20c7e9fd3467e4afca115de');
INSERT INTO activecampaign_ledger.meta VALUES (1, 'version', '\x31');
INSERT INTO activecampaign_ledger.meta VALUES (1, 'account', '\x61636d65');
INSERT INTO activecampaign_ledger.pending VALUES (1, '\x5e63d1a05aa943325f507f446374a7eb', 'create', 1790000000.25);
SELECT pg_catalog.setval('activecampaign_ledger.accounts_account_seq', 1, true);
ALTER TABLE ONLY activecampaign_ledger.accounts
    ADD CONSTRAINT accounts_name_key UNIQUE (name);
ALTER TABLE ONLY activecampaign_ledger.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (account);
ALTER TABLE ONLY activecampaign_ledger.confirmed
    ADD CONSTRAINT confirmed_pkey PRIMARY KEY (account, key);
ALTER TABLE ONLY activecampaign_ledger.copies
    ADD CONSTRAINT copies_pkey PRIMARY KEY (account, family, source);
ALTER TABLE ONLY activecampaign_ledger.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (account, name);
ALTER TABLE ONLY activecampaign_ledger.pending
    ADD CONSTRAINT pending_pkey PRIMARY KEY (account, key, step);
ALTER TABLE ONLY activecampaign_ledger.confirmed
    ADD CONSTRAINT confirmed_account_fkey FOREIGN KEY (account) REFERENCES activecampaign_ledger.accounts(account) ON DELETE CASCADE;
ALTER TABLE ONLY activecampaign_ledger.copies
    ADD CONSTRAINT copies_account_fkey FOREIGN KEY (account) REFERENCES activecampaign_ledger.accounts(account) ON DELETE CASCADE;
ALTER TABLE ONLY activecampaign_ledger.meta
    ADD CONSTRAINT meta_account_fkey FOREIGN KEY (account) REFERENCES activecampaign_ledger.accounts(account) ON DELETE CASCADE;
ALTER TABLE ONLY activecampaign_ledger.pending
    ADD CONSTRAINT pending_account_fkey FOREIGN KEY (account) REFERENCES activecampaign_ledger.accounts(account) ON DELETE CASCADE;
