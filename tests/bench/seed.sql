-- 10,000 people as they would look on a working day, written straight into the tables: through SOAP it
-- would take minutes and be no different. User n has the number tel:+331 and n in eight digits.
-- Runs on an empty, migrated schema, before any replica. Needs the sequence engine (part of MariaDB).
SET @now = UTC_TIMESTAMP(6), @later = UTC_TIMESTAMP(6) + INTERVAL 1 DAY, @people = 10000;
CREATE TEMPORARY TABLE n (n INT UNSIGNED NOT NULL PRIMARY KEY) SELECT seq AS n FROM seq_1_to_10000;

INSERT INTO user (id, name, display_name, created_at) SELECT n, CONCAT('user', n), CONCAT('Subscriber ', n), @now FROM n;

-- Two of five let everybody see, two want to be asked, one lets nobody.
INSERT INTO profile (id, user_id, name, contact_number, policy, default_state)
SELECT n, n, 'main', CONCAT('tel:+331', LPAD(n, 8, '0')), ELT(n % 5 + 1, 1, 1, 2, 2, 3), IF(n % 20 = 7, 2, IF(n % 20 = 13, 4, 1)) FROM n;

-- Each lets the next ten see him and refuses two more; he wants to know of the ten before him.
INSERT INTO contact_list (profile_id, kind, number, position)
SELECT n, IF(k <= 10, 2, 3), CONCAT('tel:+331', LPAD((n - 1 + k) % @people + 1, 8, '0')), k FROM n JOIN (SELECT seq AS k FROM seq_1_to_12) AS k
UNION ALL
SELECT n, 1, CONCAT('tel:+331', LPAD((n - 1 + @people - k) % @people + 1, 8, '0')), k FROM n JOIN (SELECT seq AS k FROM seq_1_to_10) AS k;
INSERT INTO authorisation (owner_profile_id, number, asker_user_id, asker_profile_id, state, asked_at, answered_at)
SELECT n, CONCAT('tel:+331', LPAD((n - 1 + k) % @people + 1, 8, '0')), (n - 1 + k) % @people + 1, (n - 1 + k) % @people + 1,
       IF(k = 13, 2, 3), @now, @now FROM n JOIN (SELECT seq AS k FROM seq_13_to_14) AS k;

-- Five of seven are connected, one of seven by a second terminal too.
INSERT INTO terminal (id, user_id, name, kind) SELECT n, n, 'phone', 2 FROM n;
INSERT INTO terminal (id, user_id, name, kind) SELECT n + @people, n, 'desk', 1 FROM n WHERE n % 7 = 0;

-- Half of the profiles have an active mode: for all (meeting, away), for some contacts, or a level.
INSERT INTO mode (id, profile_id, name, activity, state, transfer_to, priority, contacts)
SELECT 3 * n, n, 'meeting', 'in a meeting', 2, NULL, 0, 0 FROM n UNION ALL
SELECT 3 * n + 1, n, 'away', NULL, 3, 'tel:+33199999999', 0, 0 FROM n UNION ALL
SELECT 3 * n + 2, n, 'some', NULL, 2, NULL, 5, 5 FROM n;
INSERT INTO mode_contact (mode_id, number)
SELECT 3 * n + 2, CONCAT('tel:+331', LPAD((n - 1 + k) % @people + 1, 8, '0')) FROM n JOIN (SELECT seq AS k FROM seq_1_to_5) AS k;
INSERT INTO mode_activation (profile_id, slot, mode_id, state, activated_at)
SELECT n, IF(n % 10 = 2, 3 * n + 2, 0), ELT(n % 10 + 1, 3 * n, 3 * n + 1, 3 * n + 2, 0, 0), ELT(n % 10 + 1, NULL, NULL, NULL, 2, 4), @now
FROM n WHERE n % 10 < 5;

-- Everybody can call with a token that lasts a day; the passwords are no passwords.
INSERT INTO account (id, name, role, user_id, password_hash, created_at) SELECT n, CONCAT('user', n), 2, n, '!', @now FROM n;
INSERT INTO account (id, name, role, user_id, password_hash, created_at)
VALUES (@people + 1, 'bench-publisher', 4, NULL, '!', @now), (@people + 2, 'bench-subscriber', 4, NULL, '!', @now);
INSERT INTO token (id, hash, account_id, account_version, created_at, expires_at)
SELECT n, UNHEX(SHA2(CONCAT('bench-user-', LPAD(n, 8, '0'), '-0123456789abcdefghijkl'), 256)), n, 1, @now, @later FROM n;
INSERT INTO token (hash, account_id, account_version, created_at, expires_at)
SELECT UNHEX(SHA2(CONCAT(name, '-0123456789abcdefghijklmnopq'), 256)), id, 1, @now, @later FROM account WHERE role = 4;

INSERT INTO queue (owner_kind, owner_id, name) SELECT 2, id, '' FROM terminal WHERE user_id % 7 < 5;
INSERT INTO queue_depth (queue_id, depth, due_event, measured_at) SELECT id, 0, 0, @now FROM queue;
INSERT INTO subscription (queue_id, owner_kind, owner_id, name, profile_id, created_at)
SELECT q.id, 2, t.id, 'main', t.user_id, @now FROM terminal t JOIN queue q ON q.owner_kind = 2 AND q.owner_id = t.id;
INSERT INTO subscription_pattern (pattern, subscription_id) SELECT '*', id FROM subscription WHERE owner_kind = 2;
INSERT INTO terminal_session (public_id, terminal_id, user_id, account_id, token_id, queue_id, connected_at, lease_seconds, lease_until)
SELECT UNHEX(MD5(CONCAT('terminal', t.id))), t.id, t.user_id, t.user_id, t.user_id, q.id, @now, 86400, @later
FROM terminal t JOIN queue q ON q.owner_kind = 2 AND q.owner_id = t.id;
INSERT INTO access_session (public_id, terminal_session_id, user_id, profile_id, subscription_id, opened_at)
SELECT UNHEX(MD5(CONCAT('access', x.id))), x.id, x.user_id, x.user_id, s.id, @now
FROM terminal_session x JOIN subscription s ON s.owner_kind = 2 AND s.owner_id = x.terminal_id;

ANALYZE TABLE user, profile, contact_list, authorisation, terminal, mode, mode_contact, mode_activation, account, token,
  queue, subscription, subscription_pattern, terminal_session, access_session;
