ALTER TABLE delivery
  ADD KEY IF NOT EXISTS ix_delivery_subscription (subscription_id, event_id);

ALTER TABLE dead_delivery
  ADD KEY IF NOT EXISTS ix_dead_delivery_subscription (subscription_id);

ALTER TABLE ended_subscription
  ADD COLUMN IF NOT EXISTS left_over TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT '1: deliveries are left that need not wait for publishers';

CREATE TABLE IF NOT EXISTS fanout_target (
  event_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  position BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'last subscription that has its delivery, or last piece',
  service_id BIGINT UNSIGNED NOT NULL COMMENT 'as in event',
  component VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty for a service',
  listed TINYINT UNSIGNED NOT NULL COMMENT '1: to those in fanout_list, 0: to those of its target profiles',
  for_services TINYINT UNSIGNED NOT NULL COMMENT '0: to terminals only',
  KEY ix_fanout_target_source (service_id, component)
) ENGINE=InnoDB COMMENT='as fanout: events for certain profiles or subscriptions';

CREATE TABLE IF NOT EXISTS fanout_list (
  event_id BIGINT UNSIGNED NOT NULL,
  piece INT UNSIGNED NOT NULL COMMENT '1, 2, 3...; the position is of these',
  subscriptions MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'ids, with commas between',
  profiles MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'some of its targets, in the same way',
  PRIMARY KEY (event_id, piece)
) ENGINE=InnoDB;
