<?php
// PHP's SoapClient with the WSDLs as served: client.php FACTS VERSION. Prints what it got as JSON.

$facts = json_decode($argv[1], true);
$version = $argv[2] === "1.2" ? SOAP_1_2 : SOAP_1_1;

function client(string $module, ?string $token = null): SoapClient {
    global $facts, $version;
    $http = $token === null ? [] : ["header" => "Authorization: Bearer $token"];
    return new SoapClient("{$facts['url']}/$module?wsdl", [
        "soap_version" => $version, "cache_wsdl" => WSDL_CACHE_NONE, "features" => SOAP_SINGLE_ELEMENT_ARRAYS,
        "stream_context" => stream_context_create(["http" => $http])]);
}

function login(string $account): string {
    global $facts;
    return client("identity")->Login(["accountName" => $account, "password" => $facts["password"]])->token;
}

[$alice, $bob, $mail] = array_map(login(...), [$facts["alice"], $facts["bob"], $facts["mail"]]);
$service = ["name" => $facts["mail"], "provider" => "acme"];
$got = [];

$directory = client("directory", $mail);
$directory->RegisterService($service + ["action" => ["read"], "class" => "messaging"]);
$directory->ConnectService(["declare" => [["type" => "letter.came"]],
    "subscribe" => [["name" => "all", "type" => ["letter.*"]]]]);
$got["connected"] = $directory->GetService($service)->service->connected;

$profiles = client("profiles", $alice);
$profiles->SubscribeToService(["profileId" => "work", "service" => $service]);
$profiles->SetContactLists(["profileId" => "work", "wanted" => [$facts["bobNumber"]]]);
$got["wanted"] = $profiles->GetProfile(["profileId" => "work"])->profile->wanted;

$availability = client("availability", $bob);
$availability->PutMode(["profileId" => "work", "modeId" => "away", "state" => "TRANSFER",
    "transferTo" => "+33199999999"]);
$availability->ActivateMode(["profileId" => "work", "modeId" => "away"]);

$coordination = client("coordination", $alice);
$terminal = $coordination->ConnectTerminal(["terminalId" => "phone"]);
$got["snapshot"] = array_map(fn($c) => [$c->contact, $c->state], $terminal->contactState);
$states = $coordination->GetConnectability(["contact" => [$facts["bobNumber"], $facts["aliceNumber"]]])->contactState;
$got["states"] = array_map(fn($c) => $c->state, $states);
$decided = client("coordination", $mail)->DecideCall(["callId" => uniqid("php-call-number-"),
    "calledNumber" => $facts["aliceNumber"], "callerNumber" => $facts["bobNumber"], "type" => "VOICE_IMMEDIATE",
    "dryRun" => true]);
$got["decision"] = [$decided->decision, $decided->reason, $decided->terminalId];

$events = client("events", $mail);
$events->PublishEvents(["requestId" => uniqid("php"),
    "event" => [["type" => "letter.came", "content" => $facts["content"]]]]);
$batch = $events->PullEvents(["subscription" => "all", "waitSeconds" => 5]);
$got["events"] = array_map(fn($e) => [$e->type, $e->content, $e->sequence], $batch->event);
$got["acknowledged"] = $events->AckEvents(["subscription" => "all", "ackToken" => $batch->leaseToken])->acknowledged;

try {
    $coordination->GetConnectability(["contact" => ["call me"]]);
} catch (SoapFault $fault) {
    $detail = $fault->detail->ServiceFault;
    $got["fault"] = [$fault->faultcode, $detail->code, $detail->field, $detail->retryable === "true",
        strlen($detail->correlationId) > 0];
}
echo json_encode($got, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
