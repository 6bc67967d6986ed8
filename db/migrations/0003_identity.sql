CREATE TABLE IF NOT EXISTS account (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  role TINYINT UNSIGNED NOT NULL COMMENT '2 user, 4 service, 8 admin',
  user_id BIGINT UNSIGNED NULL,
  password_hash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'Argon2id, PHC string',
  disabled TINYINT UNSIGNED NOT NULL DEFAULT 0,
  version BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'grows with what voids tokens and remembered passwords',
  created_at DATETIME(6) NOT NULL,
  UNIQUE KEY ux_account_name (name),
  KEY ix_account_user (user_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS token (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the token',
  account_id BIGINT UNSIGNED NOT NULL,
  account_version BIGINT UNSIGNED NOT NULL COMMENT 'of the account when it logged in; void with another one',
  created_at DATETIME(6) NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  UNIQUE KEY ux_token_hash (hash),
  KEY ix_token_account (account_id),
  KEY ix_token_expires (expires_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS login_failure (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  subject BINARY(32) NOT NULL COMMENT 'SHA-256 of the account name, or of the source address',
  failed_at DATETIME(6) NOT NULL,
  KEY ix_login_failure (subject, failed_at),
  KEY ix_login_failure_time (failed_at)
) ENGINE=InnoDB;
