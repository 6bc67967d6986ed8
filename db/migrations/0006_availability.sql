CREATE TABLE IF NOT EXISTS mode (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  profile_id BIGINT UNSIGNED NOT NULL,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  activity VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  state TINYINT UNSIGNED NOT NULL COMMENT '1 available, 2 not available, 3 transfer, 4 unknown',
  transfer_to VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NULL,
  priority TINYINT UNSIGNED NOT NULL DEFAULT 0,
  contacts SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'rows of mode_contact; 0: applies to everybody',
  version BIGINT UNSIGNED NOT NULL DEFAULT 1,
  UNIQUE KEY ux_mode_name (profile_id, name)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS mode_contact (
  mode_id BIGINT UNSIGNED NOT NULL,
  number VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (mode_id, number)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS mode_activation (
  profile_id BIGINT UNSIGNED NOT NULL,
  slot BIGINT UNSIGNED NOT NULL COMMENT '0: the one general mode or level, else mode_id: a mode for some contacts',
  mode_id BIGINT UNSIGNED NOT NULL COMMENT '0: a level, its state in state',
  state TINYINT UNSIGNED NULL,
  activated_at DATETIME(6) NOT NULL,
  until_at DATETIME(6) NULL,
  PRIMARY KEY (profile_id, slot),
  KEY ix_mode_activation_until (until_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS authorisation (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  owner_profile_id BIGINT UNSIGNED NOT NULL,
  asker_user_id BIGINT UNSIGNED NOT NULL,
  asker_profile_id BIGINT UNSIGNED NOT NULL COMMENT 'is told of a grant',
  state TINYINT UNSIGNED NOT NULL COMMENT '1 pending, 2 granted, 3 refused',
  asked_at DATETIME(6) NOT NULL,
  answered_at DATETIME(6) NULL,
  until_at DATETIME(6) NULL,
  UNIQUE KEY ux_authorisation (owner_profile_id, asker_user_id),
  KEY ix_authorisation_until (until_at)
) ENGINE=InnoDB;
