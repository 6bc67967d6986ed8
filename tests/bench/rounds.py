"""Rounds in turn, medians, and the table."""

import json
import os
import statistics
import subprocess
import sys

# key, what the table calls it, digits
FIGURES = (("rate", "{}s/s", 0), ("p50_ms", "p50, ms", 2), ("p99_ms", "p99, ms", 2),
           ("cpu_us", "CPU of the server, us/{}", 0), ("db_cpu_us", "CPU of the database, us/{}", 0),
           ("both_cpu_us", "CPU of both, us/{}", 0), ("rss_mib", "memory of the server, MiB", 0))


class Load:
    """Commands that make load side by side; each prints one line of JSON."""

    def __init__(self, commands, env=None):
        self.commands, self.env = commands, {**os.environ, **(env or {})}

    def run(self):
        children = [subprocess.Popen(c, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=self.env)
                    for c in self.commands]
        outputs = [child.communicate()[0] for child in children]
        results = []
        for child, output in zip(children, outputs):
            lines = [line for line in output.splitlines() if line.startswith("{")]
            if child.returncode != 0 or len(lines) != 1:
                raise SystemExit(f"{child.args[0]} failed: {output}")
            results.append(json.loads(lines[0]))
        if any(r.get("errors") for r in results) or not all(r["count"] for r in results):
            raise SystemExit(f"calls failed: {results}")
        return {"count": sum(r["count"] for r in results), "rate": sum(r["rate"] for r in results),
                "p50_ms": statistics.mean(r["p50_ms"] for r in results), "p99_ms": max(r["p99_ms"] for r in results)}


def measure(load, programs, database):
    before = [p.cpu_us() for p in (*programs, database)]
    result = load.run()
    used = [p.cpu_us() - b for p, b in zip((*programs, database), before)]
    count = result.pop("count")
    result["cpu_us"] = sum(used[:-1]) / count
    if programs[0].uses_database:
        result["db_cpu_us"] = used[-1] / count
        result["both_cpu_us"] = sum(used) / count
    result["rss_mib"] = max(p.rss_mib() for p in programs)
    return result


def run_rounds(rounds, database, subjects, warm=()):
    """Subjects: name -> (load, programs), maybe with a database of their own. All in each round, in turn."""
    for load in warm:
        load.run()
    results = {name: [] for name in subjects}
    for number in range(rounds):
        for name, (load, programs, *own) in subjects.items():
            print(f"  round {number + 1}: {name}", file=sys.stderr, flush=True)
            results[name].append(measure(load, programs, *own or [database]))
    return results


def shown(value, digits):
    return f"{value:,.{digits}f}"


def table(unit, results, ours, peers, bars):
    """Lines of figure, ours, peer, its value, ratio, bar. Medians; the ratio is the median of the rounds' ratios."""
    for key, label, digits in FIGURES:
        mine = [r[key] for r in results[ours]]
        figure, value = label.format(unit), shown(statistics.median(mine), digits)
        for peer in peers:
            if key not in results[peer][0]:
                continue
            theirs = [r[key] for r in results[peer]]
            ratio = statistics.median(m / t for m, t in zip(mine, theirs))
            yield figure, value, peer, shown(statistics.median(theirs), digits), f"{ratio:.2f}", bars.get((key, peer), "")
        if (key, None) in bars:
            yield figure, value, "", "", "", bars[key, None]


def line(figure, ours, bar="", peer="", its="", ratio=""):
    """One line of the table, of texts."""
    return figure, ours, peer, its, ratio, bar


HEAD = ("figure", "ours", "peer", "its", "ours/its", "wanted")


def print_table(sections):
    """One table; a section is its title and its lines."""
    widths = (34, 10, 22, 10, 9, 10)
    for title, lines in sections:
        print(f"\n{title}", flush=True)
        for cells_of_line in (HEAD, *lines):
            cells = (cell.ljust(w) if i in (0, 2) else cell.rjust(w) + "  " for i, (cell, w) in enumerate(zip(cells_of_line, widths)))
            print("  " + "".join(cells).rstrip())
