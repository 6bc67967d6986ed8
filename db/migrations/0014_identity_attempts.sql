CREATE TABLE IF NOT EXISTS login_success (
  subject BINARY(32) NOT NULL PRIMARY KEY COMMENT 'SHA-256 of the account name with the source address',
  succeeded_at DATETIME(6) NOT NULL COMMENT 'written at most once a day',
  KEY ix_login_success_time (succeeded_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS former_token (
  hash BINARY(32) NOT NULL PRIMARY KEY COMMENT 'SHA-256 of the text that a token had before it was renewed',
  token_id BIGINT UNSIGNED NOT NULL,
  valid_until DATETIME(6) NOT NULL,
  KEY ix_former_token (token_id),
  KEY ix_former_token_until (valid_until)
) ENGINE=InnoDB;
