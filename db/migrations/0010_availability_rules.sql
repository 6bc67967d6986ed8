CREATE TABLE IF NOT EXISTS mode_calendar (
  profile_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  version BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'of the rules as their user writes them',
  compilation BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'grows each time the intervals are written',
  compile_at DATETIME(6) NOT NULL COMMENT 'when the intervals are to be extended',
  next_change_at DATETIME(6) NULL COMMENT 'the next beginning or end that nobody was told of',
  KEY ix_mode_calendar_compile (compile_at),
  KEY ix_mode_calendar_change (next_change_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS mode_rule (
  profile_id BIGINT UNSIGNED NOT NULL,
  source TINYINT UNSIGNED NOT NULL COMMENT '1 of the mode, 2 of the profile, 3 an order that a mode be off',
  mode_id BIGINT UNSIGNED NOT NULL,
  position SMALLINT UNSIGNED NOT NULL,
  action TINYINT UNSIGNED NOT NULL COMMENT '1 activate, 2 deactivate',
  zone VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  start_local DATETIME NOT NULL COMMENT 'wall clock in zone, as end, last, except and extra',
  end_local DATETIME NULL,
  duration_minutes INT UNSIGNED NULL,
  recurrence VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'RFC 5545 RRULE',
  last_local DATETIME NULL COMMENT 'start of the last occurrence of a recurrence with COUNT',
  except_local TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  extra_local TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (profile_id, source, mode_id, position)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS mode_interval (
  profile_id BIGINT UNSIGNED NOT NULL,
  week SMALLINT UNSIGNED NOT NULL COMMENT 'weeks since 1970-01-01 UTC; an interval is in each week it touches',
  mode_id BIGINT UNSIGNED NOT NULL,
  begin_at DATETIME(6) NOT NULL,
  end_at DATETIME(6) NULL,
  PRIMARY KEY (profile_id, week, mode_id, begin_at)
) ENGINE=InnoDB;
