CREATE TABLE IF NOT EXISTS transmitter_notice (
  type VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  service_id BIGINT UNSIGNED NOT NULL,
  available TINYINT UNSIGNED NOT NULL COMMENT 'what subscribers limited to the service were last told',
  cause VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the last change',
  changed_at DATETIME(6) NOT NULL,
  told_at DATETIME(6) NULL COMMENT 'when somebody was told',
  settle_at DATETIME(6) NULL COMMENT 'what is true then is told',
  PRIMARY KEY (type, service_id),
  KEY ix_transmitter_notice_settle (settle_at)
) ENGINE=InnoDB COMMENT='as event_type, of one transmitter';

INSERT IGNORE INTO transmitter_notice (type, service_id, available, cause, changed_at)
SELECT type, service_id, live, 'CONNECTED', UTC_TIMESTAMP(6) FROM event_declaration;

ALTER TABLE queue
  ADD COLUMN IF NOT EXISTS sought_event BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'a seek stopped within this event',
  ADD COLUMN IF NOT EXISTS sought_subscription BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'and goes on with this one';

CREATE TABLE IF NOT EXISTS forgotten_party (
  owner_kind TINYINT UNSIGNED NOT NULL COMMENT 'as in queue',
  owner_id BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (owner_kind, owner_id)
) ENGINE=InnoDB COMMENT='has subscriptions left that end by and by';
