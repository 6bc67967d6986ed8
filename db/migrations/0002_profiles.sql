CREATE TABLE IF NOT EXISTS user (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  display_name VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  version BIGINT UNSIGNED NOT NULL DEFAULT 1,
  created_at DATETIME(6) NOT NULL,
  UNIQUE KEY ux_user_name (name)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS terminal (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id BIGINT UNSIGNED NOT NULL,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  kind TINYINT UNSIGNED NOT NULL,
  display_name VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  version BIGINT UNSIGNED NOT NULL DEFAULT 1,
  UNIQUE KEY ux_terminal_name (user_id, name)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS terminal_feature (
  terminal_id BIGINT UNSIGNED NOT NULL,
  kind TINYINT UNSIGNED NOT NULL COMMENT '1 capability, 2 application',
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (terminal_id, kind, name)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS profile (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id BIGINT UNSIGNED NOT NULL,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  display_name VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  contact_number VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'normalised URI',
  policy TINYINT UNSIGNED NOT NULL COMMENT '1 open, 2 ask, 3 closed',
  default_state TINYINT UNSIGNED NOT NULL COMMENT '1 available, 2 not available, 4 unknown',
  version BIGINT UNSIGNED NOT NULL DEFAULT 1,
  UNIQUE KEY ux_profile_name (user_id, name),
  UNIQUE KEY ux_contact_number (contact_number)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS contact_list (
  profile_id BIGINT UNSIGNED NOT NULL,
  kind TINYINT UNSIGNED NOT NULL COMMENT '1 wanted, 2 authorised, 3 refused',
  number VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  position SMALLINT UNSIGNED NOT NULL,
  PRIMARY KEY (profile_id, number, kind),
  KEY ix_contact_list_number (number, kind)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS profile_service (
  profile_id BIGINT UNSIGNED NOT NULL,
  service_id BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (profile_id, service_id),
  KEY ix_profile_service_service (service_id, profile_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS profile_service_parameter (
  profile_id BIGINT UNSIGNED NOT NULL,
  service_id BIGINT UNSIGNED NOT NULL,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  value MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (profile_id, service_id, name)
) ENGINE=InnoDB;
