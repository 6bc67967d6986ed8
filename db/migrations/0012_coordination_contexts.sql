ALTER TABLE access_session
  ADD COLUMN IF NOT EXISTS whole_version BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'state_version when a contact was last forgotten: who asks since before is answered everything',
  ADD COLUMN IF NOT EXISTS told_at DATETIME(6) NULL COMMENT 'of state_version: polls wait for it',
  ADD COLUMN IF NOT EXISTS rings TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT '1: calls for the profile ring here and at none of its other terminals';

ALTER TABLE service_session
  ADD COLUMN IF NOT EXISTS via_session_id BIGINT UNSIGNED NULL COMMENT 'service session by means of which this one is used',
  ADD COLUMN IF NOT EXISTS version BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'written by who hangs something on it, so that its end collides with that',
  ADD KEY IF NOT EXISTS ix_service_session_via (via_session_id);

CREATE TABLE IF NOT EXISTS service_session_parameter (
  service_session_id BIGINT UNSIGNED NOT NULL,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  value MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (service_session_id, name)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS use_context (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  public_id BINARY(16) NOT NULL,
  user_id BIGINT UNSIGNED NOT NULL,
  activity VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  opener_account_id BIGINT UNSIGNED NOT NULL,
  opened_at DATETIME(6) NOT NULL,
  version BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'grows by each entry written or removed',
  lock_token BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'fencing token: grows by each lock given',
  lock_account_id BIGINT UNSIGNED NULL COMMENT 'holder',
  locked_until DATETIME(6) NULL,
  UNIQUE KEY ux_use_context_public (public_id),
  UNIQUE KEY ux_use_context_activity (user_id, activity)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS use_context_entry (
  context_id BIGINT UNSIGNED NOT NULL,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  value MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  version BIGINT UNSIGNED NOT NULL COMMENT 'of use_context when it was written',
  account_id BIGINT UNSIGNED NOT NULL COMMENT 'who wrote it',
  changed_at DATETIME(6) NOT NULL,
  PRIMARY KEY (context_id, name)
) ENGINE=InnoDB;
