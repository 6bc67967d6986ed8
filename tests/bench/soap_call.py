"""One SOAP call with a Bearer token, as text in and text out."""

import urllib.error
import urllib.request


def envelope(module, body):
    return (f'<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
            f'xmlns:c="urn:whitebrick:common:1" xmlns:m="urn:whitebrick:{module}:1"><e:Body>{body}</e:Body></e:Envelope>')


def soap(url, module, token, body):
    request = urllib.request.Request(f"{url}/{module}", envelope(module, body).encode(), {
        "Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', "Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as e:
        raise SystemExit(f"{url}: {body[:60]}...: {e.read().decode()}") from None
