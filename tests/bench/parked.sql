-- Connects the phones that are not connected, so that each of the 10,000 can park a poll, and lets
-- all profiles have events of the publisher.
SET @now = UTC_TIMESTAMP(6), @later = UTC_TIMESTAMP(6) + INTERVAL 1 DAY;

-- Those that a portal has connected pull with it: they are connected anew.
CREATE TEMPORARY TABLE through_portal
SELECT x.id, x.terminal_id FROM terminal_session x JOIN queue q ON q.id = x.queue_id WHERE q.owner_kind = 1;
DELETE a FROM access_session a JOIN through_portal x ON x.id = a.terminal_session_id;
DELETE p FROM subscription_pattern p JOIN subscription s ON s.id = p.subscription_id
  JOIN through_portal x ON s.owner_kind = 2 AND s.owner_id = x.terminal_id;
DELETE s FROM subscription s JOIN through_portal x ON s.owner_kind = 2 AND s.owner_id = x.terminal_id;
DELETE t FROM terminal_session t JOIN through_portal x ON x.id = t.id;

CREATE TEMPORARY TABLE t SELECT id, user_id FROM terminal
 WHERE name = 'phone' AND id NOT IN (SELECT terminal_id FROM terminal_session);

INSERT IGNORE INTO queue (owner_kind, owner_id, name) SELECT 2, id, '' FROM t;
INSERT IGNORE INTO subscription (queue_id, owner_kind, owner_id, name, profile_id, created_at)
SELECT q.id, 2, t.id, 'main', t.user_id, @now FROM t JOIN queue q ON q.owner_kind = 2 AND q.owner_id = t.id;
INSERT IGNORE INTO subscription_pattern (pattern, subscription_id)
SELECT '*', s.id FROM subscription s JOIN t ON s.owner_kind = 2 AND s.owner_id = t.id;
INSERT INTO terminal_session (public_id, terminal_id, user_id, account_id, token_id, queue_id, connected_at, lease_seconds, lease_until)
SELECT UNHEX(MD5(CONCAT('terminal', t.id))), t.id, t.user_id, t.user_id, t.user_id, q.id, @now, 86400, @later
FROM t JOIN queue q ON q.owner_kind = 2 AND q.owner_id = t.id;
INSERT INTO access_session (public_id, terminal_session_id, user_id, profile_id, subscription_id, opened_at)
SELECT UNHEX(MD5(CONCAT('access', x.id))), x.id, x.user_id, x.user_id, s.id, @now
FROM terminal_session x JOIN t ON t.id = x.terminal_id JOIN subscription s ON s.owner_kind = 2 AND s.owner_id = x.terminal_id;

INSERT IGNORE INTO profile_service (profile_id, service_id)
SELECT p.id, a.id FROM profile p JOIN account a ON a.name = 'bench-publisher';
ANALYZE TABLE queue, subscription, subscription_pattern, terminal_session, access_session, profile_service;
