"""The corpus: inventories in corpus/, patterns, and what the real Ansible answers (answers.json, which a live test compares)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
ANSWERS = Path(__file__).parent / "answers.json"
PATTERNS = {
    "plain.ini": r"""
        all|*|web|db|prod|front|empty|ungrouped|staging|lonely|lonely2|both|nope|WEB|Web1
        web*|w*|*1|web?|web[0]|web[1]|web[-1]|web[-7]|web[9]|web[0:2]|web[1:]|web[2:1]|web[2:0]|web[0:0]|web[0-1]|web[5:99]|empty[0]
        web*[0]|*[0:3]|all[0]|all[-1]|prod[0:3]|both[0]|[0]|web[a]|web[]
        ~web\d|~^db|~.*example|~(web|db)1$|~WEB|~prod|~web[0]|~[|~
        web:db|web,db|db:web|web:!web1|web:!web1:!web2|!web1|!web|!prod|&web|&staging|web:&staging|staging:&web|prod:&web:!web04
        web:&nope|web:!nope|nope:web|nope,nope2|web1:web1|web1,web|web,web1|web:web|web3:staging|stage1,web3,web1
        !web1:web|&staging:web|web:!staging:stage1|prod:!db-*|prod:!~web0|web:!web[0]|web[0]:web[-1]|web[0:1]:&staging
        web1:2222|lonely:22|localhost|127.0.0.1|::1|localhost:web1|localhost,web1|all:localhost|all:!localhost|!all|!*|web:!*
        db-[a:b]*|db-?.example.com|db-*[1]|db-[ab]*|*.example.com|*example*:!db-b*|db[0:1]|db[0]|db1|db-a.example.com
        web1 web2|web1  ,  db1| web1 |,|web,|,web|web::db|:web|web:|a:b:c|web4|web04|b*|both:!both|lonely*|l?nely
        ung*|al*|ungrouped:&lonely|ungrouped[0]|al?|[aw]*|[!w]*|*|*:!web*:!db*|prod:staging:&web3|front[1]:db[-1]|all:&both|all:!both|both:web2
    """,
    "many.ini": r"""
        racks|racks[0]|racks[-1]|rack1[5:9]|rack1[119]|rack1[120]|n00*|n1?1|~n(00|12)\d|rack2:!n121|gw*|gw2-*|gw1-a.lan|racks:!rack1
        web|Web|WEB|UPPER1|upper1|Upper1|upper*|[uU]pper1|app-x.y|app-x*|app*|app.one|app_two|app-3|rack?|rack[12]|rack[1]|rack[12]*|n[001:003]
        n[1:3]|rack1[0:2]:&racks|all[200]|all[-3]|rack1[10:12],rack2[0]|~^n0[01][05]|*[0]|racks[120]|rack*[0:1]
    """,
    "addresses.ini": r"""
        all|v4|v6|mix|mix[0]|192.0.2.1|192.0.2.*|10.0.0.1|10.0.0.[0-3]|10.0.0.[12]|2001:db8::1|2001:db8::2|2001*|::ffff:192.0.2.3|localhost|127.0.0.1|::1
        2001:db8::1,192.0.2.1|v4:v6|v4,2001:db8::2|v6:!2001:db8::1|v6,!2001:db8::1|v6[1]|~2001.*a0$|2001:db8::a0|192.0.2.1:22|[2001:db8::1]:22|!localhost|all:!v6
        localhost:v4|::1,localhost|10.0.0.1:10.0.0.2|mix:&10.*|[::1]|10.0.0.[1:2]
    """,
    "tree.yaml": r"""
        all|web|db|europe|paris|rome|strange*|strange name|quoted|q.1|q*|top*|top1|ungrouped
        web:&europe|europe:!paris|paris:rome|europe[0]|europe[-1]|alone|web2
        web[0]|web[0:1]|all[0]|all[-1]|~w|rome[1]|odd|*e|all:!europe:!web
    """,
    "named": "all|web|deep|w1|w*|web[0]|web[-1]|ungrouped",
    "house.toml": "all|web|apache|nginx|tomcat*|tomcat[5]|jenkins1|web:!nginx|web[0]|apache[1:]|~t.*7|web[-1]",
    "folder": "all|web|prod|inner|db|web:&inner|ungrouped|ignored|hidden|prod:!web|extra1|web[-1]|in*|all[0]",
    "meta.sh": "all|east|west|far|ungrouped|m*|west:!far|east:&west|m5|west[0]|~m[12]|*[2]|nope",
    "old.sh": "all|web|single|two|o*|web:&two|single:web|ungrouped|o1",
}
LIMITS = [
    ("plain.ini", "web", "web1"), ("plain.ini", "web", "!web1"), ("plain.ini", "all", "staging:&web"),
    ("plain.ini", "web", "db"), ("plain.ini", "db1", "all"), ("plain.ini", "prod", "web[0]"),
    ("plain.ini", "all", "@some.txt"), ("plain.ini", "web:db", "@some.txt,db1"), ("plain.ini", "web", "*[0:1]"),
    ("plain.ini", "all", "nope"), ("plain.ini", "all", "localhost"), ("plain.ini", "localhost", "localhost"),
    ("plain.ini", "web", "@patterns.txt"), ("many.ini", "racks", "n00*"), ("folder", "prod", "inner"),
    ("tree.yaml", "all", "@none.txt"),
]  # fmt: skip
FILES = {"some.txt": "web1\n\ndb1\nlonely\n", "patterns.txt": "web0*\n!web04\n"}
HOSTS = {
    "plain.ini": "lonely lonely2 web1 web2 web3 db1 db-a.example.com both",
    "tree.yaml": "top1 top2 web1 web2 web4 db1 rome1 odd alone",
    "named": "w1 w3",
    "house.toml": "tomcat1 tomcat2 jenkins1",
    "folder": "web1 web2 web9 db1 extra1 in1",
    "meta.sh": "m1 m2 m3 m4 m5",
    "old.sh": "o1 o2 single",
    "addresses.ini": "localhost 192.0.2.2 2001:db8::2",
    "many.ini": "n001 app.one",
}
KEYS = ("ansible_host", "ansible_port", "ansible_user", "ansible_connection", "ansible_ssh_common_args", "level")

Case = tuple[str, str, str]  # inventory, pattern, limit
Ask = Callable[[list[list[str]]], list[tuple[int, str]]]


def cases() -> list[Case]:
    found = [
        (name, word, "") for name, text in PATTERNS.items() for line in text.splitlines() for word in line.strip().split("|")
    ]
    return list(dict.fromkeys([*((i, p, "") for i, p, _ in found if p), *LIMITS]))


def asked(ask: Ask) -> dict[str, dict[str, object]]:
    """What `ask`, given lines of ansible and ansible-inventory, answers to the whole corpus."""
    lines = [
        ["ansible", "-i", str(CORPUS / name), "--list-hosts", *(["--limit", limit] if limit else []), "--", pattern]
        for name, pattern, limit in cases()
    ]
    hosts = [(name, host) for name, words in HOSTS.items() for host in words.split()]
    lines += [["ansible-inventory", "-i", str(CORPUS / name), "--host", host] for name, host in hosts]
    said = ask(lines)
    listed = {json.dumps(case): listing(*one) for case, one in zip(cases(), said, strict=False)}
    told = {f"{name} {host}": variables(out) for (name, host), (_, out) in zip(hosts, said[len(listed) :], strict=True)}
    return {"listed": dict(listed), "variables": dict(told)}


def listing(code: int, out: str) -> list[str]:
    """None matched and a pattern that makes no sense are the same to Ansible's users."""
    return [line.strip() for line in out.splitlines()[1:]] if code == 0 else []


def variables(out: str) -> dict[str, object]:
    found = json.loads(out)
    return {key: found[key] for key in KEYS if key in found}
