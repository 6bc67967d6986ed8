<?php
// GetConnectability as a PHP team would write it first: SoapServer on the product's WSDL, PDO with a persistent
// connection. The same query and rules as gsoap_db.cpp. Nothing is authenticated: the asker's user id is read
// from the bearer token. Environment: BENCH_WSDL, BENCH_SOCKET, BENCH_SCHEMA.

const AVAILABLE = 1, TRANSFER = 3, MODE_UNKNOWN = 4;
const OPEN = 1, ASK = 2;
const ASKERS = 5;

const FIVE = <<<'SQL'
SELECT p.contact_number, p.policy, p.default_state, p.user_id = ? AS himself,
  EXISTS(SELECT 1 FROM contact_list l WHERE l.profile_id = p.id AND l.kind = 3
           AND l.number IN (SELECT contact_number FROM profile WHERE user_id = ?)) AS refused,
  EXISTS(SELECT 1 FROM contact_list l WHERE l.profile_id = p.id AND l.kind = 2
           AND l.number IN (SELECT contact_number FROM profile WHERE user_id = ?))
  OR EXISTS(SELECT 1 FROM authorisation g WHERE g.owner_profile_id = p.id AND g.asker_user_id = ? AND g.state = 2
              AND (g.until_at IS NULL OR g.until_at > UTC_TIMESTAMP(6))) AS authorised,
  EXISTS(SELECT 1 FROM access_session s WHERE s.profile_id = p.id) AS connected,
  COALESCE(m.state, a.state) AS state, COALESCE(NULLIF(m.contacts, 0), 1048576) AS contacts,
  COALESCE(m.priority, 0) AS priority, UNIX_TIMESTAMP(a.activated_at) AS activated_at
FROM profile p
LEFT JOIN (mode_activation a LEFT JOIN mode m ON m.id = a.mode_id)
  ON a.profile_id = p.id AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6))
  AND (a.mode_id = 0 OR m.contacts = 0 OR EXISTS(SELECT 1 FROM mode_contact c WHERE c.mode_id = m.id
    AND c.number IN (SELECT contact_number FROM profile WHERE user_id = ?)))
WHERE p.contact_number IN (
SQL;

function state_of(array $c): string
{
    if (!$c['himself']) {
        if ($c['refused'] || $c['mode'] == MODE_UNKNOWN) return 'UNKNOWN';
        if (!$c['authorised'] && $c['policy'] == ASK) return 'AUTHORISATION_REQUIRED';
        if (!$c['authorised'] && $c['policy'] != OPEN) return 'UNKNOWN';
    }
    if ($c['mode'] == TRANSFER) return 'IN_TRANSFER';
    $available = $c['mode'] == AVAILABLE || ($c['himself'] && $c['mode'] == MODE_UNKNOWN);
    return $c['connected'] && $available ? 'CONNECTABLE' : 'NOT_CONNECTABLE';
}

class Coordination
{
    public function GetConnectability(object $request): array
    {
        $numbers = (array) $request->contact;
        $database = new PDO(
            'mysql:unix_socket=' . $_SERVER['BENCH_SOCKET'] . ';dbname=' . $_SERVER['BENCH_SCHEMA'], 'root', '',
            [PDO::ATTR_PERSISTENT => true, PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
        $asker = (int) substr($_SERVER['HTTP_AUTHORIZATION'], strlen('Bearer bench-user-'), 8);
        $query = $database->prepare(FIVE . implode(',', array_fill(0, count($numbers), '?')) . ')');
        $query->execute(array_merge(array_fill(0, ASKERS, $asker), $numbers));
        // One row per contact and active mode that covers the asker: the narrowest counts, then the priority,
        // then the latest.
        $contacts = [];
        foreach ($query->fetchAll(PDO::FETCH_ASSOC) as $row) {
            $rank = [-$row['contacts'], $row['priority'], $row['activated_at']];
            $known = $contacts[$row['contact_number']] ?? null;
            if ($known !== null && $rank <= $known['rank']) continue;
            $contacts[$row['contact_number']] =
                $row + ['mode' => $row['state'] ?? $row['default_state'], 'rank' => $rank];
        }
        $states = [];
        foreach ($numbers as $number) {
            $found = $contacts[$number] ?? null;
            $states[] = ['contact' => $number, 'state' => $found === null ? 'UNKNOWN' : state_of($found)];
        }
        return ['contactState' => $states];
    }
}

$server = new SoapServer($_SERVER['BENCH_WSDL'], ['cache_wsdl' => WSDL_CACHE_MEMORY, 'soap_version' => SOAP_1_1]);
$server->setClass('Coordination');
$server->handle();
