ALTER TABLE queue
  ADD COLUMN IF NOT EXISTS state TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT '0 active, 1 suspended, 2 expired',
  ADD COLUMN IF NOT EXISTS state_at DATETIME(6) NULL COMMENT 'since when, unless active',
  ADD COLUMN IF NOT EXISTS held BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'deliveries kept back while suspended',
  ADD COLUMN IF NOT EXISTS max_pending INT UNSIGNED NOT NULL DEFAULT 100000,
  ADD COLUMN IF NOT EXISTS lifetime INT UNSIGNED NULL COMMENT 'seconds without a poll after which it expires; NULL: never',
  ADD COLUMN IF NOT EXISTS expires_at DATETIME(6) NULL,
  ADD COLUMN IF NOT EXISTS last_poll_at DATETIME(6) NULL,
  ADD COLUMN IF NOT EXISTS last_sequence BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'of its deliveries, given at the first claim',
  ADD KEY IF NOT EXISTS ix_queue_expires (expires_at);

CREATE TABLE IF NOT EXISTS queue_depth (
  queue_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  depth INT UNSIGNED NOT NULL COMMENT 'when last measured',
  due_event BIGINT UNSIGNED NOT NULL COMMENT 'before this event the queue cannot be full',
  measured_at DATETIME(6) NOT NULL
) ENGINE=InnoDB COMMENT='written once in many events, by whoever publishes';

INSERT IGNORE INTO queue_depth (queue_id, depth, due_event, measured_at) SELECT id, 0, 0, UTC_TIMESTAMP(6) FROM queue;

CREATE TABLE IF NOT EXISTS queue_consumer (
  queue_id BIGINT UNSIGNED NOT NULL,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  poll_epoch BIGINT UNSIGNED NOT NULL COMMENT 'the newest poll of this consumer wins',
  last_poll_at DATETIME(6) NOT NULL,
  PRIMARY KEY (queue_id, name)
) ENGINE=InnoDB;

ALTER TABLE delivery
  ADD COLUMN IF NOT EXISTS sequence BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'in its queue; 0 before the first claim',
  ADD COLUMN IF NOT EXISTS replay TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT '1: asked for again; outlives its time to live',
  ADD COLUMN IF NOT EXISTS coalesced INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'older states that this one stands for';

CREATE TABLE IF NOT EXISTS dead_delivery (
  queue_id BIGINT UNSIGNED NOT NULL,
  event_id BIGINT UNSIGNED NOT NULL,
  subscription_id BIGINT UNSIGNED NOT NULL,
  token BINARY(16) NULL COMMENT 'of the last lease: a late acknowledgement still holds',
  attempts SMALLINT UNSIGNED NOT NULL,
  sequence BIGINT UNSIGNED NOT NULL,
  replay TINYINT UNSIGNED NOT NULL,
  died_at DATETIME(6) NOT NULL,
  PRIMARY KEY (queue_id, event_id, subscription_id),
  KEY ix_dead_delivery_event (event_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS event_state (
  state_key VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  type VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  service_id BIGINT UNSIGNED NOT NULL COMMENT 'as in event',
  component VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty for a service',
  event_id BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (state_key, type, service_id, component, event_id),
  KEY ix_event_state_event (event_id)
) ENGINE=InnoDB COMMENT='events that say a state; the newest of a key tells all';
