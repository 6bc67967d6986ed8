"""PHP's SoapClient, node-soap and JAX-WS, unmodified: each loads every WSDL from the running pool, does the same, and
must see the same. And the first calls of the README, run as they stand there.
"""

import json
import re
import shlex
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support/python"))

from soap import Soap  # noqa: E402

MODULES = ("identity", "directory", "events", "profiles", "availability", "coordination")
CLIENTS = ROOT / "tests/interop/clients"
NODE = CLIENTS / "node"
JAX_WS = ("jaxws-ri-*.jar", "jaxws-rt*.jar", "jaxws-tools.jar", "FastInfoset*.jar", "gmbal*.jar", "glassfish-*.jar",
          "istack-commons-*.jar", "javax.activation*.jar", "jaxb-*.jar", "jaxws-api.jar", "jws-api.jar",
          "metro-policy.jar", "mimepull.jar", "saaj-impl.jar", "stax*.jar", "streambuffer.jar", "txw2.jar",
          "woodstox-core.jar", "geronimo-annotation*.jar")
PASSWORD = "correct-horse-battery"
CONTENT = "<mail from='dave'>Grüße & <b>10 €</b>\n ]]> \"quoted\"</mail>"


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture
def people(pool):
    """Alice and Bob with a profile and a telephone each, and a service account; new names for each test."""
    tag = uuid.uuid4().hex[:8]
    number = uuid.uuid4().int % 10**7
    admin = Soap(pool.url).login(pool.admin, pool.admin_password)
    found = {"url": pool.url, "password": PASSWORD, "content": CONTENT}
    for n, user in enumerate(("alice", "bob")):
        name = found[user] = f"{user}-{tag}"
        found[f"{user}Number"] = f"tel:+336{n + 1}{number:07d}"
        admin.call("profiles", "PutUser", userId=name)
        admin.call("profiles", "PutProfile", userId=name, profileId="work", contactNumber=found[f"{user}Number"],
                   policy="OPEN")
        admin.call("profiles", "PutTerminal", userId=name, terminalId="phone", kind="MOBILE")
        admin.call("identity", "CreateAccount", accountName=name, password=PASSWORD, role="USER", userId=name)
    found["mail"] = f"mail-{tag}"
    admin.call("identity", "CreateAccount", accountName=found["mail"], password=PASSWORD, role="SERVICE")
    admin.close()
    return found


@pytest.fixture(scope="session")
def node_modules():
    """What the lock file names, from the npm registry."""
    installed, wanted = NODE / "node_modules/.package-lock.json", NODE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=NODE)
        installed.touch()


def must_be(got, people, version):
    assert got["connected"] is True
    assert got["wanted"] == [people["bobNumber"]]
    assert got["snapshot"] == [[people["bobNumber"], "IN_TRANSFER"]]
    assert got["states"] == ["IN_TRANSFER", "CONNECTABLE"]
    assert got["decision"] == ["ACCEPT", "AVAILABLE", ["phone"]]
    # XML parsers read a line end in a text as \n, and nothing else changes.
    assert got["events"] == [["letter.came", people["content"], 1]]
    assert got["acknowledged"] == 1
    code, *detail = got["fault"]
    assert code.rpartition(":")[2] == ("Sender" if version == "1.2" else "Client")
    assert detail == ["INVALID_ARGUMENT", "contact", False, True]


@pytest.fixture(scope="session")
def java(pool, tmp_path_factory):
    """The class path, with what wsimport makes of the WSDLs and our client compiled."""
    folder = tmp_path_factory.mktemp("java")
    libraries = ":".join(str(jar) for name in JAX_WS for jar in sorted(Path("/usr/share/java").glob(name)))
    run("java", "-cp", libraries, CLIENTS / "java/Import.java", folder, *(f"{pool.url}/{m}?wsdl" for m in MODULES))
    path = f"{folder}:{libraries}"
    run("javac", "-nowarn", "-proc:none", "-d", folder, "-cp", path, *folder.rglob("*.java"),
        CLIENTS / "java/Client.java")
    return path


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_php(people, version):
    must_be(json.loads(run("php", CLIENTS / "client.php", json.dumps(people), version)), people, version)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_node(people, version, node_modules):
    must_be(json.loads(run("node", NODE / "client.mjs", json.dumps(people), version)), people, version)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_java(people, version, java):
    facts = [f"{name}={value}" for name, value in people.items()]
    must_be(json.loads(run("java", "-cp", java, "Client", version, *facts)), people, version)


def snippets():
    """language -> the first call of the README."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("## A first call")[2].partition("\n## ")[0]
    return dict(re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL))


def test_the_readme_has_five_languages():
    assert set(snippets()) == {"sh", "python", "php", "js", "java"}


# What a file around the lines needs.
PROGRAMS = {
    "sh": "{}",
    "python": "{}",
    "php": "<?php\n{}",
    "js": "{}",
    "java": """import javax.xml.ws.BindingProvider;
import whitebrick.coordination._1.*;
public class First {{ public static void main(String[] arguments) throws Exception {{
{}
}} }}""",
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_first_call_of_the_readme(people, language, tmp_path, request):
    """Verbatim, but for the address, the names and the password, which `deploy/up` prints."""
    said = snippets()[language]
    for written, here in (("http://127.0.0.1:8080", people["url"]), ("tel:+33100000002", people["bobNumber"]),
                          ("PASSWORD", PASSWORD), ("alice", people["alice"])):
        assert written in said or (language, written) == ("java", "http://127.0.0.1:8080")
        said = re.sub(re.escape(written) + r"(?!_)", lambda _: here, said)  # PASSWORD, not PASSWORD_PROPERTY
    program = tmp_path / f"First.{'mjs' if language == 'js' else language}"
    program.write_text(PROGRAMS[language].format(said))
    if language == "java":
        path = request.getfixturevalue("java")
        run("javac", "-nowarn", "-proc:none", "-d", tmp_path, "-cp", path, program)
        answer = run("java", "-cp", f"{tmp_path}:{path}", "First")
    elif language == "js":
        request.getfixturevalue("node_modules")
        (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
        answer = run("node", program)
    else:
        answer = run({"sh": "sh", "python": sys.executable, "php": "php"}[language], program)
    assert "NOT_CONNECTABLE" in answer, "he has no terminal connected"
