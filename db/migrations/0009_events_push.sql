ALTER TABLE subscription
  ADD COLUMN IF NOT EXISTS pushed TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT '1: it has a row in push_endpoint';

CREATE TABLE IF NOT EXISTS push_endpoint (
  subscription_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  queue_id BIGINT UNSIGNED NOT NULL,
  service_id BIGINT UNSIGNED NOT NULL COMMENT 'the subscriber',
  endpoint VARCHAR(2000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  secret VARBINARY(512) NULL COMMENT 'key of the signature',
  max_events SMALLINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'in one Notify',
  busy_until DATETIME(6) NOT NULL COMMENT 'past: no replica is at it',
  next_at DATETIME(6) NOT NULL COMMENT 'not before, after failures',
  failures INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'in a row',
  failed_at DATETIME(6) NULL COMMENT 'the last of them',
  KEY ix_push_endpoint_service (service_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS fanout (
  event_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  position BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'last subscription that has its delivery',
  about_type VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'to the subscribers of this type, else of its own',
  about_service BIGINT UNSIGNED NULL
) ENGINE=InnoDB COMMENT='events with too many recipients for one transaction';

ALTER TABLE event
  ADD COLUMN IF NOT EXISTS respond_before DATETIME(6) NULL COMMENT 'the transmitter waits for an answer until then';

CREATE TABLE IF NOT EXISTS awaited_response (
  event_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  service_id BIGINT UNSIGNED NOT NULL COMMENT 'that waits',
  due_at DATETIME(6) NOT NULL,
  responses INT UNSIGNED NOT NULL DEFAULT 0,
  KEY ix_awaited_response_due (due_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS event_response (
  event_id BIGINT UNSIGNED NOT NULL,
  responder_kind TINYINT UNSIGNED NOT NULL COMMENT '1 service, 2 user',
  responder_id BIGINT UNSIGNED NOT NULL COMMENT 'account id, user id',
  responded_at DATETIME(6) NOT NULL,
  PRIMARY KEY (event_id, responder_kind, responder_id),
  KEY ix_event_response_time (responded_at)
) ENGINE=InnoDB;

ALTER TABLE event_type
  ADD COLUMN IF NOT EXISTS live TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'as last counted',
  ADD COLUMN IF NOT EXISTS live_at DATETIME(6) NULL COMMENT 'since',
  ADD COLUMN IF NOT EXISTS told_at DATETIME(6) NULL COMMENT 'when somebody was told',
  ADD COLUMN IF NOT EXISTS settle_at DATETIME(6) NULL COMMENT 'what is held down is told then',
  ADD COLUMN IF NOT EXISTS cause VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the last change',
  ADD COLUMN IF NOT EXISTS changed_by BIGINT UNSIGNED NULL COMMENT 'the service',
  ADD KEY IF NOT EXISTS ix_event_type_settle (settle_at);
