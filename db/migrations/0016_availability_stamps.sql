-- What was read for a view is as good as new while its stamps are the same (db/schema.md, Views). One row for
-- all whose numbers, or users, have the same hash: so a number is looked up the same way whether or not
-- somebody has it.
CREATE TABLE IF NOT EXISTS view_stamp (
  bucket SMALLINT UNSIGNED NOT NULL PRIMARY KEY COMMENT 'below 4096: of contact numbers, else of askers',
  rights BINARY(8) NOT NULL COMMENT 'another one with each change of who may see',
  modes BINARY(8) NOT NULL COMMENT 'with each change of modes that are or may be active',
  sessions BINARY(8) NOT NULL COMMENT 'with each session that comes or goes'
) ENGINE=InnoDB COMMENT='seed';

INSERT IGNORE INTO view_stamp (bucket, rights, modes, sessions)
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 127)
SELECT high.i * 128 + low.i, RANDOM_BYTES(8), RANDOM_BYTES(8), RANDOM_BYTES(8)
FROM n high JOIN n low WHERE high.i < 64;

-- A profile without a number has a bucket too: whoever gives it one and whoever changes something else of
-- it at the same time write the same row. Elsewhere the profile is read with a lock, so that its number is
-- still the same at the end of the transaction.
CREATE OR REPLACE TRIGGER profile_added_to_views AFTER INSERT ON profile FOR EACH ROW
UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket IN (
  CRC32(COALESCE(NEW.contact_number, NEW.id)) & 4095, 4096 | (NEW.user_id & 4095));

CREATE OR REPLACE TRIGGER profile_taken_from_views AFTER DELETE ON profile FOR EACH ROW
UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket IN (
  CRC32(COALESCE(OLD.contact_number, OLD.id)) & 4095, 4096 | (OLD.user_id & 4095));

CREATE OR REPLACE TRIGGER profile_changed_for_views AFTER UPDATE ON profile FOR EACH ROW
IF NOT (NEW.id <=> OLD.id AND NEW.user_id <=> OLD.user_id AND NEW.contact_number <=> OLD.contact_number AND
  NEW.policy <=> OLD.policy AND NEW.default_state <=> OLD.default_state) THEN
  UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket IN (
  CRC32(COALESCE(OLD.contact_number, OLD.id)) & 4095, 4096 | (OLD.user_id & 4095),
  CRC32(COALESCE(NEW.contact_number, NEW.id)) & 4095, 4096 | (NEW.user_id & 4095)); END IF;

CREATE OR REPLACE TRIGGER contact_list_added_to_views AFTER INSERT ON contact_list FOR EACH ROW
IF NEW.kind IN (2, 3) THEN
  UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE); END IF;

CREATE OR REPLACE TRIGGER contact_list_taken_from_views AFTER DELETE ON contact_list FOR EACH ROW
IF OLD.kind IN (2, 3) THEN
  UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE); END IF;

CREATE OR REPLACE TRIGGER contact_list_changed_for_views AFTER UPDATE ON contact_list FOR EACH ROW
IF NOT (NEW.profile_id <=> OLD.profile_id AND NEW.kind <=> OLD.kind AND NEW.number <=> OLD.number) AND
  (OLD.kind IN (2, 3) OR NEW.kind IN (2, 3)) THEN
  UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket IN (
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE),
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE)); END IF;

CREATE OR REPLACE TRIGGER authorisation_added_to_views AFTER INSERT ON authorisation FOR EACH ROW
IF NEW.state = 2 THEN
  UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.owner_profile_id LOCK IN SHARE MODE); END IF;

CREATE OR REPLACE TRIGGER authorisation_taken_from_views AFTER DELETE ON authorisation FOR EACH ROW
IF OLD.state = 2 THEN
  UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.owner_profile_id LOCK IN SHARE MODE); END IF;

CREATE OR REPLACE TRIGGER authorisation_changed_for_views AFTER UPDATE ON authorisation FOR EACH ROW
IF NOT (NEW.id <=> OLD.id AND NEW.owner_profile_id <=> OLD.owner_profile_id AND NEW.asker_user_id <=>
  OLD.asker_user_id AND NEW.state <=> OLD.state AND NEW.one_shot <=> OLD.one_shot AND NEW.from_at <=>
  OLD.from_at AND NEW.until_at <=> OLD.until_at) AND (OLD.state = 2 OR NEW.state = 2) THEN
  UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket IN (
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.owner_profile_id LOCK IN SHARE MODE),
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.owner_profile_id LOCK IN SHARE MODE)); END IF;

CREATE OR REPLACE TRIGGER profile_service_added_to_views AFTER INSERT ON profile_service FOR EACH ROW
UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE);

CREATE OR REPLACE TRIGGER profile_service_taken_from_views AFTER DELETE ON profile_service FOR EACH ROW
UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE);

CREATE OR REPLACE TRIGGER profile_service_changed_for_views AFTER UPDATE ON profile_service FOR EACH ROW
IF NOT (NEW.profile_id <=> OLD.profile_id AND NEW.service_id <=> OLD.service_id) THEN
  UPDATE view_stamp SET rights = RANDOM_BYTES(8) WHERE bucket IN (
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE),
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE)); END IF;

CREATE OR REPLACE TRIGGER access_session_added_to_views AFTER INSERT ON access_session FOR EACH ROW
UPDATE view_stamp SET sessions = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE);

CREATE OR REPLACE TRIGGER access_session_taken_from_views AFTER DELETE ON access_session FOR EACH ROW
UPDATE view_stamp SET sessions = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE);

CREATE OR REPLACE TRIGGER access_session_changed_for_views AFTER UPDATE ON access_session FOR EACH ROW
IF NOT (NEW.profile_id <=> OLD.profile_id) THEN
  UPDATE view_stamp SET sessions = RANDOM_BYTES(8) WHERE bucket IN (
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE),
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE)); END IF;

CREATE OR REPLACE TRIGGER mode_activation_added_to_views AFTER INSERT ON mode_activation FOR EACH ROW
UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE);

CREATE OR REPLACE TRIGGER mode_activation_taken_from_views AFTER DELETE ON mode_activation FOR EACH ROW
UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE);

CREATE OR REPLACE TRIGGER mode_activation_changed_for_views AFTER UPDATE ON mode_activation FOR EACH ROW
IF NOT (NEW.profile_id <=> OLD.profile_id AND NEW.slot <=> OLD.slot AND NEW.mode_id <=> OLD.mode_id AND
  NEW.state <=> OLD.state AND NEW.activated_at <=> OLD.activated_at AND NEW.until_at <=> OLD.until_at) THEN
  UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket IN (
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE),
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE)); END IF;

CREATE OR REPLACE TRIGGER mode_added_to_views AFTER INSERT ON mode FOR EACH ROW
UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE);

CREATE OR REPLACE TRIGGER mode_taken_from_views AFTER DELETE ON mode FOR EACH ROW
UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE);

CREATE OR REPLACE TRIGGER mode_changed_for_views AFTER UPDATE ON mode FOR EACH ROW
IF NOT (NEW.id <=> OLD.id AND NEW.profile_id <=> OLD.profile_id AND NEW.name <=> OLD.name AND NEW.state <=>
  OLD.state AND NEW.transfer_to <=> OLD.transfer_to AND NEW.transfer_terminal <=> OLD.transfer_terminal AND
  NEW.transfer_medium <=> OLD.transfer_medium AND NEW.offers <=> OLD.offers AND NEW.call_by <=> OLD.call_by
  AND NEW.notification <=> OLD.notification AND NEW.priority <=> OLD.priority AND NEW.contacts <=>
  OLD.contacts) THEN
  UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket IN (
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE),
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE)); END IF;

CREATE OR REPLACE TRIGGER mode_contact_added_to_views AFTER INSERT ON mode_contact FOR EACH ROW
UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM mode m JOIN profile p ON p.id = m.profile_id
    WHERE m.id = NEW.mode_id LOCK IN SHARE MODE);

CREATE OR REPLACE TRIGGER mode_contact_taken_from_views AFTER DELETE ON mode_contact FOR EACH ROW
UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM mode m JOIN profile p ON p.id = m.profile_id
    WHERE m.id = OLD.mode_id LOCK IN SHARE MODE);

CREATE OR REPLACE TRIGGER mode_contact_changed_for_views AFTER UPDATE ON mode_contact FOR EACH ROW
IF NOT (NEW.mode_id <=> OLD.mode_id AND NEW.number <=> OLD.number) THEN
  UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket IN (
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM mode m JOIN profile p ON p.id = m.profile_id
    WHERE m.id = OLD.mode_id LOCK IN SHARE MODE),
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM mode m JOIN profile p ON p.id = m.profile_id
    WHERE m.id = NEW.mode_id LOCK IN SHARE MODE)); END IF;

-- Weeks that are over or far away are in no view; a transaction may end in the week after.
CREATE OR REPLACE TRIGGER mode_interval_added_to_views AFTER INSERT ON mode_interval FOR EACH ROW
IF NEW.week BETWEEN FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7) - 1 AND
  FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7) + 1 THEN
  UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE); END IF;

CREATE OR REPLACE TRIGGER mode_interval_taken_from_views AFTER DELETE ON mode_interval FOR EACH ROW
IF OLD.week BETWEEN FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7) - 1 AND
  FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7) + 1 THEN
  UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket =
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE); END IF;

CREATE OR REPLACE TRIGGER mode_interval_changed_for_views AFTER UPDATE ON mode_interval FOR EACH ROW
IF NOT (NEW.profile_id <=> OLD.profile_id AND NEW.week <=> OLD.week AND NEW.mode_id <=> OLD.mode_id AND
  NEW.begin_at <=> OLD.begin_at AND NEW.end_at <=> OLD.end_at) AND (OLD.week BETWEEN
  FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7) - 1 AND FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) -
  TO_DAYS('1970-01-01')) / 7) + 1 OR NEW.week BETWEEN FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) -
  TO_DAYS('1970-01-01')) / 7) - 1 AND FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7) + 1) THEN
  UPDATE view_stamp SET modes = RANDOM_BYTES(8) WHERE bucket IN (
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = OLD.profile_id LOCK IN SHARE MODE),
  (SELECT CRC32(COALESCE(p.contact_number, p.id)) & 4095 FROM profile p
    WHERE p.id = NEW.profile_id LOCK IN SHARE MODE)); END IF;

-- A deleted profile of which modes, rules and authorisations are still to be deleted.
CREATE TABLE IF NOT EXISTS ended_profile (
  profile_id BIGINT UNSIGNED NOT NULL PRIMARY KEY
) ENGINE=InnoDB;

CREATE OR REPLACE TRIGGER profile_ended AFTER DELETE ON profile FOR EACH ROW
INSERT IGNORE INTO ended_profile (profile_id) VALUES (OLD.id);

INSERT IGNORE INTO ended_profile (profile_id)
SELECT left_over.profile_id
FROM (SELECT profile_id FROM mode UNION SELECT profile_id FROM mode_activation UNION SELECT profile_id FROM
  mode_calendar
  UNION SELECT owner_profile_id FROM authorisation UNION SELECT asker_profile_id FROM authorisation_request
  UNION SELECT profile_id FROM profile_filter) left_over
LEFT JOIN profile p ON p.id = left_over.profile_id
WHERE p.id IS NULL;
