ALTER TABLE terminal_session ADD COLUMN IF NOT EXISTS
  account_version BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'of the account when its user was verified; void with another one' AFTER account_id;

ALTER TABLE contact_watch ADD COLUMN IF NOT EXISTS
  told_offers TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'bits: 1 voice now, 2 written now, 4 voice later, 8 written later' AFTER told_state;
