CREATE TABLE IF NOT EXISTS event_type (
  name VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  available TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'what subscribers were last told',
  recounts BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'written by each recount, so that two of them conflict',
  changed_at DATETIME(6) NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS event_declaration (
  type VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  service_id BIGINT UNSIGNED NOT NULL,
  description VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  live TINYINT UNSIGNED NOT NULL COMMENT '1 while its service is connected',
  PRIMARY KEY (type, service_id),
  KEY ix_event_declaration_service (service_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS queue (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  owner_kind TINYINT UNSIGNED NOT NULL COMMENT '1 service, 2 terminal, 3 component',
  owner_id BIGINT UNSIGNED NOT NULL COMMENT 'account id, terminal id, 0',
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  poll_epoch BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'the newest poll wins',
  UNIQUE KEY ux_queue (owner_kind, owner_id, name)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS subscription (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  queue_id BIGINT UNSIGNED NOT NULL,
  owner_kind TINYINT UNSIGNED NOT NULL COMMENT 'as in queue',
  owner_id BIGINT UNSIGNED NOT NULL,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  profile_id BIGINT UNSIGNED NULL COMMENT 'only events for this profile',
  transmitter_id BIGINT UNSIGNED NULL COMMENT 'only events of this service',
  created_at DATETIME(6) NOT NULL,
  UNIQUE KEY ux_subscription (owner_kind, owner_id, name),
  KEY ix_subscription_queue (queue_id),
  KEY ix_subscription_profile (profile_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS subscription_pattern (
  pattern VARCHAR(130) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'type, prefix.* or *',
  subscription_id BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (pattern, subscription_id),
  KEY ix_subscription_pattern (subscription_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS event (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  type VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  service_id BIGINT UNSIGNED NOT NULL COMMENT 'transmitting service; 0: a server component',
  component VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  content MEDIUMBLOB NOT NULL,
  targets SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'number of its target profiles',
  may_wait TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT '1: for the next terminal when none has it',
  created_at DATETIME(6) NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  KEY ix_event_service (service_id, id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS event_target (
  event_id BIGINT UNSIGNED NOT NULL,
  profile_id BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (event_id, profile_id),
  KEY ix_event_target_profile (profile_id, event_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS delivery (
  queue_id BIGINT UNSIGNED NOT NULL,
  event_id BIGINT UNSIGNED NOT NULL,
  subscription_id BIGINT UNSIGNED NOT NULL,
  visible_at DATETIME(6) NOT NULL COMMENT 'ready when past; a lease moves it into the future',
  token BINARY(16) NULL COMMENT 'fencing token of the lease',
  previous_token BINARY(16) NULL COMMENT 'of the lease that ran out: a late acknowledgement learns of its loss',
  attempts SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (queue_id, event_id, subscription_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS delivery_history (
  subscription_id BIGINT UNSIGNED NOT NULL,
  event_id BIGINT UNSIGNED NOT NULL,
  recipient_kind TINYINT UNSIGNED NOT NULL COMMENT 'as in queue',
  recipient_id BIGINT UNSIGNED NOT NULL,
  profile_id BIGINT UNSIGNED NULL COMMENT 'for which a terminal was told',
  outcome TINYINT UNSIGNED NOT NULL COMMENT '1 acknowledged, 2 expired, 4 unsubscribed',
  attempts SMALLINT UNSIGNED NOT NULL,
  done_at DATETIME(6) NOT NULL,
  PRIMARY KEY (subscription_id, event_id),
  KEY ix_delivery_history_event (event_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS waiting_event (
  profile_id BIGINT UNSIGNED NOT NULL,
  event_id BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (profile_id, event_id)
) ENGINE=InnoDB COMMENT='for the next terminal of the profile';

CREATE TABLE IF NOT EXISTS ended_subscription (
  subscription_id BIGINT UNSIGNED NOT NULL,
  queue_id BIGINT UNSIGNED NOT NULL,
  owner_kind TINYINT UNSIGNED NOT NULL COMMENT 'as in queue',
  owner_id BIGINT UNSIGNED NOT NULL,
  profile_id BIGINT UNSIGNED NULL,
  ended_at DATETIME(6) NOT NULL,
  PRIMARY KEY (subscription_id, queue_id)
) ENGINE=InnoDB COMMENT='or moved to another queue; until every publisher that still saw it has ended';
