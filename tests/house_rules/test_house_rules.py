"""The tree obeys the rules, and every rule notices a violation planted in a copy of the tree."""

import shutil
from pathlib import Path

import pytest

import house_rules

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("rule", house_rules.RULES, ids=lambda r: r.__name__)
def test_the_tree_obeys(rule):
    assert list(rule(ROOT)) == []


def append(name, text):
    def plant(root):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a") as f:
            f.write(text)
    return plant


def replace(name, old, new):
    def plant(root):
        path = root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
    return plant


def overwrite(name, text):
    return lambda root: (root / name).write_text(text)


def remove(name):
    return lambda root: shutil.rmtree(root / name)


PLANTED = [
    (house_rules.top_level, append("notes.txt", "x")),
    (house_rules.include_direction, append("server/log.cpp", '#include "modules/events/events.hpp"\n')),
    (house_rules.include_direction, append("modules/events/patterns.cpp", '#include "modules/profiles/profiles.hpp"\n')),
    (house_rules.include_direction, append("modules/identity/token.cpp", '#include "modules/events/patterns.hpp"\n')),
    (house_rules.include_direction, append("db/pool.cpp", '#include "server/fault.hpp"\n')),
    (house_rules.soap_stays_in_endpoints, append("modules/events/patterns.cpp", "#include <stdsoap2.h>\n")),
    (house_rules.sql_stays_with_its_owner, append("modules/events/patterns.cpp", 'R"sql(UPDATE profile SET version = 2)sql"')),
    (house_rules.sql_stays_with_its_owner, append("modules/directory/x.cpp", 'R"sql(SELECT id FROM contact_list)sql"')),
    (house_rules.sql_stays_with_its_owner, append("modules/events/patterns.cpp", 'R"sql(SELECT * FROM event)sql"')),
    (house_rules.sql_stays_with_its_owner, append("modules/events/events_endpoint.cpp", 'R"sql(SELECT id FROM event)sql"')),
    (house_rules.sql_stays_with_its_owner, append("modules/events/patterns.cpp", 'auto s = "UPDATE profile SET version = 2";')),
    (house_rules.sql_stays_with_its_owner, append("modules/events/patterns.cpp", 'auto s =\n  " SELECT id "\n  "FROM contact_list";')),
    (house_rules.sql_stays_with_its_owner, append("modules/profiles/x.cpp", 'R"sql(DELETE q FROM queue q JOIN user u ON u.id = q.id)sql"')),
    (house_rules.sql_stays_with_its_owner, append("modules/identity/x.cpp", 'R"sql(SELECT a.id AS id FROM account a, contact_list l)sql"')),
    (house_rules.sql_stays_with_its_owner, append("modules/identity/x.cpp", 'R"sql(SELECT id FROM account WHERE id IN (SELECT x FROM user u, delivery d))sql"')),
    (house_rules.sql_stays_with_its_owner, append("modules/identity/x.cpp", 'R"sql(SELECT a.*, b.id FROM account a)sql"')),
    (house_rules.sql_stays_with_its_owner, append("db/migrations/9999_events_x.sql", "CREATE TABLE nobodys (id INT);\n")),
    (house_rules.no_sql_by_concatenation, append("modules/events/patterns.cpp", 'auto s = "SELECT id FROM event WHERE id=" + id;')),
    (house_rules.names, append("modules/events/event_manager.cpp", "")),
    (house_rules.names, append("modules/events/EventLog.cpp", "")),
    (house_rules.lengths, append("modules/events/patterns.cpp", "\n" * 601)),
    (house_rules.no_leftovers, append("modules/events/patterns.cpp", "// TODO\n")),
    (house_rules.no_leftovers, append("tests/unit/x_test.cpp", "std::this_thread::sleep_for(1s);\n")),
    (house_rules.no_leftovers, append("tests/unit/x_test.cpp", "GTEST_SKIP();\n")),
    (house_rules.fault_codes_agree, replace("server/fault.hpp", "  X(BUSY,", "  X(LAZY,")),
    (house_rules.operations_agree, append("server/operations.def", "OPERATION(events, Dance, U, kQuery)\n")),
    (house_rules.golden_cases, remove("tests/soap/events/PullEvents")),
    (house_rules.foreign_cases, remove("tests/soap/events/PullEvents")),
    (house_rules.foreign_cases, overwrite("tests/soap/profiles/GetProfile/foreign/expected.xml", "<GetProfileResponse/>")),
    (house_rules.migrations_are_numbered, append("db/migrations/0001_events_again.sql", "")),
]


@pytest.mark.parametrize("rule,plant", PLANTED, ids=[f"{r.__name__}-{i}" for i, (r, _) in enumerate(PLANTED)])
def test_a_planted_violation_is_found(rule, plant, tmp_path):
    for folder in ("server", "modules", "db", "wsdl", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    before = set(rule(tmp_path))
    plant(tmp_path)
    assert set(rule(tmp_path)) - before


def test_every_rule_has_a_planted_violation():
    assert {r for r, _ in PLANTED} == set(house_rules.RULES)
