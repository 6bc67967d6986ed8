ALTER TABLE authorisation
  ADD COLUMN IF NOT EXISTS untold_from_at DATETIME(6) NULL COMMENT 'from_at of a grant, until it is told that it has begun',
  ADD KEY IF NOT EXISTS ix_authorisation_untold (untold_from_at);

UPDATE authorisation SET untold_from_at = from_at WHERE state = 2 AND from_at > UTC_TIMESTAMP(6);
