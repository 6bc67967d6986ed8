ALTER TABLE mode
  ADD COLUMN IF NOT EXISTS transfer_terminal VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'terminal of the owner to transfer to',
  ADD COLUMN IF NOT EXISTS transfer_medium TINYINT UNSIGNED NULL COMMENT '1 fixed, 2 mobile, 3 voip, 4 sms, 5 mms, 6 e-mail',
  ADD COLUMN IF NOT EXISTS offers TINYINT UNSIGNED NULL COMMENT 'bits: 1 voice now, 2 written now, 4 voice later, 8 written later; NULL: as its state has it',
  ADD COLUMN IF NOT EXISTS call_by TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'bit n-1: medium n; 0: any',
  ADD COLUMN IF NOT EXISTS notification TINYINT UNSIGNED NULL COMMENT '1 terminals, 2 voice message, 3 written message, 4 none';

ALTER TABLE authorisation
  MODIFY COLUMN asker_user_id BIGINT UNSIGNED NULL COMMENT 'NULL: answered beforehand, he has not asked',
  MODIFY COLUMN asker_profile_id BIGINT UNSIGNED NULL COMMENT 'is told of a grant',
  MODIFY COLUMN state TINYINT UNSIGNED NOT NULL COMMENT '1 pending, 2 granted, 3 refused, 4 used',
  MODIFY COLUMN asked_at DATETIME(6) NULL COMMENT 'NULL: answered without being asked',
  ADD COLUMN IF NOT EXISTS number VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the asker',
  ADD COLUMN IF NOT EXISTS one_shot TINYINT UNSIGNED NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS from_at DATETIME(6) NULL;

UPDATE authorisation SET number = COALESCE(
  (SELECT p.contact_number FROM profile p WHERE p.id = authorisation.asker_profile_id), CONCAT('urn:former:', id))
WHERE number IS NULL;

ALTER TABLE authorisation
  MODIFY COLUMN number VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the asker',
  DROP INDEX IF EXISTS ux_authorisation,
  ADD UNIQUE KEY IF NOT EXISTS ux_authorisation_number (owner_profile_id, number),
  ADD KEY IF NOT EXISTS ix_authorisation_asker (asker_user_id, owner_profile_id);

CREATE TABLE IF NOT EXISTS authorisation_request (
  asker_profile_id BIGINT UNSIGNED NOT NULL,
  number VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'whom he asked; there need not be such a person',
  asked_at DATETIME(6) NOT NULL,
  PRIMARY KEY (asker_profile_id, number)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS profile_filter (
  profile_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  version BIGINT UNSIGNED NOT NULL DEFAULT 1,
  digest BINARY(32) NOT NULL COMMENT 'SHA-256 of the filter as last read'
) ENGINE=InnoDB;
