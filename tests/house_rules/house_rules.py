"""The rules of the house, as checks over the tree. Each takes the root folder and yields "file: what is wrong".

Run: python3 tests/house_rules/house_rules.py [root]   (prints the violations; exit code 1 when there are any)
"""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE",
             "wsdl", "gen", "server", "modules", "db", "deploy", "tests", "build", "run"}
BANNED_NAMES = {"manager", "handler", "helper", "helpers", "util", "utils", "common", "impl", "base"}
OWN_CODE = ("server", "modules", "db", "tests")
COMPOSITION = {"server/main.cpp", "server/app.cpp", "server/app.hpp"}
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
XS = "{http://www.w3.org/2001/XMLSchema}"


def files(root, *suffixes, folders=OWN_CODE):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts:
                yield path, path.relative_to(root).as_posix(), path.read_text(encoding="utf-8", errors="replace")


def module_links(root):
    """module -> modules it may include, from modules/CMakeLists.txt."""
    text = (root / "modules/CMakeLists.txt").read_text()
    links = {}
    for line in re.findall(r"^whitebrick_module\(([^)]*)\)", text, re.M):
        name, *allowed = line.split()
        links[name] = set(allowed)
    return links


def includes(text):
    return re.findall(r'^\s*#include\s+["<]([^">]+)[">]', text, re.M)


def top_level(root):
    for path in sorted(root.iterdir()):
        if not path.name.startswith(".") and path.name not in TOP_LEVEL:
            yield f"{path.name}: not part of the top level"


def include_direction(root):
    links = module_links(root)
    for _, name, text in files(root, ".cpp", ".hpp", folders=("server", "modules", "db")):
        if name in COMPOSITION:
            continue
        layer, *rest = name.split("/")
        for header in includes(text):
            target, *inside = header.split("/")
            if target == "modules":
                if layer != "modules":
                    yield f"{name}: {layer} includes {header}"
                    continue
                mine, other = rest[0], inside[0]
                if other == mine:
                    continue
                if other not in links.get(mine, set()):
                    yield f"{name}: {mine} may not include {other}"
                elif inside[1] not in PUBLIC_HEADERS.get(other, {f"{other}.hpp"}):
                    yield f"{name}: {header} is not a public face"
            elif target == "server" and layer == "db":
                yield f"{name}: db includes {header}"
            elif target == "tests":
                yield f"{name}: {layer} includes {header}"


PUBLIC_HEADERS = {"events": {"events.hpp", "component.hpp"}, "availability": {"availability.hpp", "view.hpp"}}


def soap_stays_in_endpoints(root):
    for _, name, text in files(root, ".cpp", ".hpp", folders=("modules", "db")):
        if name.split("/")[-1].rsplit(".", 1)[0].endswith("_endpoint"):
            continue
        for header in includes(text):
            if "soap" in header.lower() or header in ("envH.h", "envStub.h"):
                yield f"{name}: SOAP types ({header}) outside an endpoint"


SQL_LITERAL = re.compile(r'R"(\w*)\((.*?)\)\1"|(?:(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"\s*)+|//[^\n]*|/\*.*?\*/|\'(?:[^\'\\\n]|\\.)\'', re.S)
SQL_VERB = re.compile(r"\s*(?:WITH\s+\w+|SELECT|INSERT|UPDATE|DELETE|REPLACE|(?:LEFT |INNER |CROSS )?JOIN|FROM)\s")
CLAUSE = (r"(?:WHERE|SET|VALUES?|JOIN|LEFT|RIGHT|INNER|CROSS|NATURAL|STRAIGHT_JOIN|ON|GROUP|ORDER|LIMIT|HAVING|UNION|FOR|"
          r"USING|RETURNING|FORCE|USE|IGNORE|FROM|SELECT|EXCEPT|INTERSECT|WINDOW)\b")


def statements(text):
    """The SQL in a source: raw strings named sql, and every string literal that begins like SQL."""
    for found in SQL_LITERAL.finditer(text):
        if found[0].startswith('R"'):
            if found[1] == "sql" or SQL_VERB.match(found[2]):
                yield found[2]
        elif found[0].startswith(('"', "u", "U", "L")):
            sql = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', found[0])).replace("\\n", " ")
            if SQL_VERB.match(sql):
                yield sql


def tables_of(sql):
    """(tables written, tables read) by a statement."""
    parts = []
    while (inner := re.search(r"\(([^()]*)\)", sql)) is not None:  # innermost first: a part has no list but its own
        parts.append(inner[1])
        sql = sql[:inner.start()] + " ? " + sql[inner.end():]
    written, read = set(), set()
    for part in [*parts, sql]:
        part = part.replace("`", "")
        part = re.sub(r"ON\s+DUPLICATE\s+KEY\s+UPDATE|FOR\s+UPDATE", "", part)
        named, aliases = [], {}
        for clause in re.findall(rf"\b(?:FROM|JOIN|USING)\s+(.*?)(?=\b{CLAUSE}|;|$)", part, re.S):
            named += [item.split() for item in clause.split(",") if item.split()]
        for changed in re.findall(rf"\bUPDATE\s+(?:IGNORE\s+)?(.*?)(?=\b{CLAUSE}|;|$)", part, re.S):
            items = [item.split() for item in changed.split(",") if item.split()]
            named += items
            written.update(item[0] for item in items)
        for words in named:
            if len(words) > 1:
                aliases[words[-1]] = words[0]
            read.add(words[0])
        written.update(re.findall(r"\b(?:INSERT(?:\s+IGNORE)?|REPLACE)\s+INTO\s+(\w+)", part))
        written.update(aliases.get(name, name) for name in re.findall(r"\bDELETE\s+FROM\s+(\w+)", part))
        for several in re.findall(r"\bDELETE\s+(?!FROM\b)([\w\s,.*]+?)\s+FROM\b", part):
            for name in re.findall(r"\w+", several):
                written.add(aliases.get(name, name))
    return written, read


def sql_stays_with_its_owner(root):
    tables = {}
    for row in re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", (root / "db/schema.md").read_text(), re.M):
        tables[row[0]] = (row[1], {r.strip() for r in row[2].split(",") if r.strip()})
    for path in sorted((root / "db/migrations").glob("*.sql")):
        for table in re.findall(r"CREATE TABLE(?: IF NOT EXISTS)? `?(\w+)", path.read_text()):
            if table not in tables:
                yield f"{path.name}: table {table} is not listed in db/schema.md"
    for _, name, text in files(root, ".cpp", ".hpp", folders=("server", "modules", "db")):
        owner = name.split("/")[1] if name.startswith("modules/") else name.split("/")[0]
        for sql in statements(text):
            if "_endpoint." in name:
                yield f"{name}: SQL in an endpoint"
            if re.search(r"\bSELECT\s+(?:DISTINCT\s+)?(?:\w+\.)?\*|,\s*\w+\.\*", sql):
                yield f"{name}: SELECT *"
            written, read = tables_of(sql)
            for table in sorted(written):
                if table in tables and tables[table][0] != owner:
                    yield f"{name}: {owner} writes table {table} of {tables[table][0]}"
            for table in sorted(read - written):
                if table in tables and tables[table][0] != owner and owner not in tables[table][1]:
                    yield f"{name}: {owner} reads table {table}, but is no listed reader"


def no_sql_by_concatenation(root):
    for _, name, text in files(root, ".cpp", ".hpp", folders=("server", "modules")):
        for n, line in enumerate(text.splitlines(), 1):
            if re.search(r'"\s*(SELECT|INSERT|UPDATE|DELETE)\b[^"]*"\s*\+', line):
                yield f"{name}:{n}: SQL put together from text"


def names(root):
    for path, name, _ in files(root, ".cpp", ".hpp", ".py", ".sql", ".sh"):
        stem = path.name.split(".")[0]
        if not re.fullmatch(r"_*[a-z0-9_]+", stem):
            yield f"{name}: file names are snake_case"
        if BANNED_NAMES & set(stem.split("_")):
            yield f"{name}: the name says nothing"


def lengths(root):
    for _, name, text in files(root, ".cpp", ".hpp", ".py"):
        count = text.count("\n")
        if count > 600:
            yield f"{name}: {count} lines; split at 600"


def no_leftovers(root):
    for _, name, text in files(root, ".cpp", ".hpp", ".sql", ".sh", ".py"):
        if name.startswith("tests/house_rules/"):
            continue
        for n, line in enumerate(text.splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                yield f"{name}:{n}: unfinished"
            waits = name.startswith("tests/") and not name.startswith("tests/support/")
            if waits and re.search(r"\b(sleep_for|sleep_until|usleep)\s*\(|\btime\.sleep\(", line):
                yield f"{name}:{n}: sleeps instead of waiting for a condition"
            if re.search(r"\b(GTEST_SKIP|DISABLED_\w+|pytest\.mark\.skip)", line):
                yield f"{name}:{n}: a test that does not run"


def fault_codes_agree(root):
    text = (root / "server/fault.hpp").read_text()
    code = set(re.findall(r"^\s*X\((\w+),", text, re.M))
    schema = ET.parse(root / "wsdl/common.xsd").getroot()
    for kind in schema.iter(XS + "simpleType"):
        if kind.get("name") == "FaultCode":
            wire = {e.get("value") for e in kind.iter(XS + "enumeration")}
            for c in sorted(code ^ wire):
                yield f"wsdl/common.xsd: fault code {c} is not in both common.xsd and server/fault.hpp"
            return
    yield "wsdl/common.xsd: no type FaultCode"


def operations(root):
    text = (root / "server/operations.def").read_text()
    return [(m, o, roles, kind) for m, o, roles, kind in
            re.findall(r"^OPERATION\((\w+), (\w+), ([^,]+), (\w+)\)", text, re.M)]


def operations_agree(root):
    table = {(m, o) for m, o, _, _ in operations(root)}
    wire = set()
    for path in sorted((root / "wsdl").glob("*.wsdl")):
        tree = ET.parse(path).getroot()
        for port in tree.iter(WSDL + "portType"):
            for op in port.iter(WSDL + "operation"):
                if path.stem != "notify":  # implemented by subscribers
                    wire.add((path.stem, op.get("name")))
                if not (op.findtext(WSDL + "documentation") or "").strip():
                    yield f"wsdl/{path.name}: {op.get('name')} has no documentation"
                if op.find(WSDL + "fault") is None:
                    yield f"wsdl/{path.name}: {op.get('name')} declares no fault"
    for m, o in sorted(table ^ wire):
        yield f"server/operations.def: {m}.{o} is not in both the table and its WSDL"


def golden_cases(root):
    """Each operation has a success and a fault case."""
    for m, o, _, _ in operations(root):
        kinds = set()
        for expected in (root / "tests/soap" / m / o).glob("*/expected.xml"):
            kinds.add("fault" if "ServiceFault" in expected.read_text() else "success")
            for needed in ("description.txt", "request.xml"):
                if not (expected.parent / needed).exists():
                    yield f"{expected.parent.relative_to(root)}: no {needed}"
        for missing in sorted({"success", "fault"} - kinds):
            yield f"tests/soap/{m}/{o}: no {missing} case"


# Operations in whose request nobody's object can be named, or everybody's may.
NAMES_NOBODYS_OBJECT = {"Login", "Logout", "RenewToken", "CreateAccount", "SetPassword", "DeregisterService",
                        "DisconnectService", "FindServices", "GetService", "DeclareEvents"}


def foreign_cases(root):
    """Each operation that can name an object has a golden case with somebody else's. Every such case is refused, or its
    description begins with how it ends otherwise: "Nothing is shown" or "Nothing changes"."""
    for m, o, roles, _ in operations(root):
        if o in NAMES_NOBODYS_OBJECT or roles.strip() == "X":
            continue
        cases = sorted((root / "tests/soap" / m / o).glob("foreign*/expected.xml"))
        if not cases:
            yield f"tests/soap/{m}/{o}: no foreign case"
        for expected in cases:
            told = (expected.parent / "description.txt").read_text()
            if "ServiceFault" not in expected.read_text() and not told.startswith(("Nothing is shown", "Nothing changes")):
                yield f"{expected.parent.relative_to(root)}: somebody else's object is not refused"


def migrations_are_numbered(root):
    numbers = [p.name[:4] for p in sorted((root / "db/migrations").glob("*.sql"))]
    for n in sorted({n for n in numbers if numbers.count(n) > 1}):
        yield f"db/migrations: {n} is used twice"


RULES = [top_level, include_direction, soap_stays_in_endpoints, sql_stays_with_its_owner, no_sql_by_concatenation,
         names, lengths, no_leftovers, fault_codes_agree, operations_agree, golden_cases, foreign_cases, migrations_are_numbered]


def violations(root):
    for rule in RULES:
        for text in rule(root):
            yield f"{rule.__name__}: {text}"


if __name__ == "__main__":
    found = list(violations(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
    print("\n".join(found))
    sys.exit(1 if found else 0)
