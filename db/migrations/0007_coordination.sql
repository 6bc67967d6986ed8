CREATE TABLE IF NOT EXISTS terminal_session (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  public_id BINARY(16) NOT NULL,
  terminal_id BIGINT UNSIGNED NOT NULL,
  user_id BIGINT UNSIGNED NOT NULL,
  account_id BIGINT UNSIGNED NOT NULL COMMENT 'of the user',
  token_id BIGINT UNSIGNED NOT NULL COMMENT 'token it connected with; 0: a password',
  via_service_id BIGINT UNSIGNED NULL COMMENT 'portal: its lease keeps this session alive',
  queue_id BIGINT UNSIGNED NOT NULL,
  connected_at DATETIME(6) NOT NULL COMMENT 'last time',
  lease_seconds INT UNSIGNED NOT NULL,
  lease_until DATETIME(6) NULL COMMENT 'NULL when via a service',
  version BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'grows with each write: who ends it names the version he judged',
  UNIQUE KEY ux_terminal_session_public (public_id),
  UNIQUE KEY ux_terminal_session_terminal (terminal_id),
  KEY ix_terminal_session_lease (lease_until),
  KEY ix_terminal_session_account (account_id, token_id),
  KEY ix_terminal_session_via (via_service_id, connected_at),
  KEY ix_terminal_session_user (user_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS access_session (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  public_id BINARY(16) NOT NULL,
  terminal_session_id BIGINT UNSIGNED NOT NULL,
  user_id BIGINT UNSIGNED NOT NULL,
  profile_id BIGINT UNSIGNED NOT NULL,
  subscription_id BIGINT UNSIGNED NOT NULL COMMENT 'what reaches this terminal for this profile',
  state_version BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'grows with each contact state told',
  opened_at DATETIME(6) NOT NULL,
  UNIQUE KEY ux_access_session_public (public_id),
  UNIQUE KEY ux_access_session (terminal_session_id, profile_id),
  KEY ix_access_session_profile (profile_id),
  KEY ix_access_session_user (user_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS service_session (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  public_id BINARY(16) NOT NULL,
  access_session_id BIGINT UNSIGNED NOT NULL,
  user_id BIGINT UNSIGNED NOT NULL,
  profile_id BIGINT UNSIGNED NOT NULL,
  service_id BIGINT UNSIGNED NOT NULL,
  opened_at DATETIME(6) NOT NULL,
  UNIQUE KEY ux_service_session_public (public_id),
  UNIQUE KEY ux_service_session (access_session_id, service_id),
  KEY ix_service_session_service (service_id, opened_at),
  KEY ix_service_session_user (user_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS contact_watch (
  access_session_id BIGINT UNSIGNED NOT NULL COMMENT 'whoever writes here holds the lock of that row',
  number VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  told_state TINYINT UNSIGNED NOT NULL COMMENT 'what the terminal was last told',
  version BIGINT UNSIGNED NOT NULL COMMENT 'of access_session.state_version when told',
  checked TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT '0: the sweep has still to compare it',
  told_at DATETIME(6) NOT NULL,
  PRIMARY KEY (access_session_id, number),
  KEY ix_contact_watch_number (number),
  KEY ix_contact_watch_checked (checked, told_at)
) ENGINE=InnoDB;
