CREATE TABLE IF NOT EXISTS service (
  account_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  provider VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  description TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  class VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  endpoint VARCHAR(2048) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  wsdl VARCHAR(2048) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  version BIGINT UNSIGNED NOT NULL DEFAULT 1,
  connected TINYINT UNSIGNED NOT NULL DEFAULT 0,
  cause TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT '0 registered, 1 connected, 2 disconnected, 3 lease lost',
  since DATETIME(6) NOT NULL,
  lease_seconds INT UNSIGNED NOT NULL DEFAULT 90,
  lease_until DATETIME(6) NULL COMMENT 'NULL while not connected',
  UNIQUE KEY ux_service_reference (name, provider),
  KEY ix_service_lease (lease_until)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS service_action (
  account_id BIGINT UNSIGNED NOT NULL,
  action VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (account_id, action),
  KEY ix_service_action (action)
) ENGINE=InnoDB;
