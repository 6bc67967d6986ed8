CREATE TABLE IF NOT EXISTS urgent_removal (
  profile_id BIGINT UNSIGNED NOT NULL PRIMARY KEY COMMENT 'deleted: what was sent to it is deleted a few messages at a time'
) ENGINE=InnoDB;

ALTER TABLE urgent_message
  ADD KEY IF NOT EXISTS ix_urgent_message_due (repeat_at, owner_profile_id),
  DROP KEY IF EXISTS ix_urgent_message_repeat;
