CREATE TABLE IF NOT EXISTS urgent_removal (
  profile_id BIGINT UNSIGNED NOT NULL PRIMARY KEY COMMENT 'deleted: what was sent to it is deleted a few messages at a time'
) ENGINE=InnoDB;
