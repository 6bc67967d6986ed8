"""The contract as a client finds it: through the balancer, with the address it asked for."""

import http.client
import urllib.parse
import xml.etree.ElementTree as ET

import pytest
import zeep

MODULES = ("identity", "directory", "events", "profiles", "availability", "coordination")
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
XS = "{http://www.w3.org/2001/XMLSchema}"


def _get(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.putrequest("GET", path, skip_host=True)
        for name, value in {"Host": f"127.0.0.1:{port}", **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()
    finally:
        connection.close()


def _addresses(port, module, **headers):
    status, kind, text = _get(port, f"/{module}?wsdl", **headers)
    assert status == 200 and kind.startswith("text/xml")
    root = ET.fromstring(text)
    return {e.get("location") for e in root.iter() if e.tag.endswith("}address")}


@pytest.mark.parametrize("module", MODULES)
def test_the_address_is_the_one_that_was_asked(pool, module):
    assert _addresses(pool.front_port, module) == {f"{pool.url}/{module}"}
    assert _addresses(pool.front_port, module, Host="white.example.test:8443") == {
        f"http://white.example.test:8443/{module}"}
    # What a client claims to be forwarded from is overwritten by the balancer.
    assert _addresses(pool.front_port, module, X_Forwarded_Host="evil.test", X_Forwarded_Proto="https") == {
        f"{pool.url}/{module}"}


def test_forwarded_headers_are_believed_from_the_balancer_only(pool, make_pool):
    said = {"X_Forwarded_Host": "soap.example.test", "X_Forwarded_Proto": "https"}
    port = pool.replicas[0].port
    assert _addresses(port, "events", **said) == {"https://soap.example.test/events"}, "127.0.0.1 is a trusted proxy"

    other = make_pool(replicas=1, settings=["--http.trusted_proxies=192.0.2.1"])
    port = other.replicas[0].port
    assert _addresses(port, "events", **said) == {f"http://127.0.0.1:{port}/events"}, "127.0.0.1 is nobody"
    other.replicas[0].stop()
    other.settings.append("--public_url=https://public.example.test/soap/")
    other.replicas[0].start()
    assert _addresses(port, "events") == {"https://public.example.test/soap/events"}, "the configured URL comes first"
    make_pool.end(other)


@pytest.mark.parametrize("module", MODULES)
def test_every_import_leads_to_a_document_of_that_namespace(pool, module):
    todo, seen = [f"{pool.url}/{module}?wsdl"], {}
    while todo:
        url = todo.pop()
        if url in seen:
            continue
        where = urllib.parse.urlsplit(url)
        assert where.netloc == f"127.0.0.1:{pool.front_port}", "imports stay on this server"
        status, _, text = _get(pool.front_port, where.path + (f"?{where.query}" if where.query else ""))
        assert status == 200, url
        root = seen[url] = ET.fromstring(text)
        for element in root.iter():
            location = element.get("schemaLocation") or (
                element.get("location") if element.tag == WSDL + "import" else None)
            if location:
                todo.append(urllib.parse.urljoin(url, location))
    assert any(url.endswith("common.xsd") for url in seen)
    for root in list(seen.values()):
        for element in root.iter(XS + "import"):
            target = next(r for u, r in seen.items() if u.endswith("/" + element.get("schemaLocation")))
            assert target.get("targetNamespace") == element.get("namespace")


def test_a_client_made_from_the_contract_reaches_the_balancer(pool):
    client = zeep.Client(f"{pool.url}/identity?wsdl")
    with pytest.raises(zeep.exceptions.Fault) as raised:
        client.service.Login(accountName="nobody", password="wrong password")
    code = raised.value.detail.find(".//{urn:whitebrick:common:1}code")
    assert code.text == "AUTHENTICATION_FAILED"


def test_what_is_not_there_is_not_found(pool):
    for path in ("/", "/nothing?wsdl", "/events/?wsdl", "/../identity.wsdl", "/secret.xsd"):
        assert _get(pool.front_port, path)[0] == 404, path
    assert _get(pool.front_port, "/events")[0] == 405
