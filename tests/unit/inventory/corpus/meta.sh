#!/bin/sh
[ "$1" = --list ] || { echo "no $1 here" >&2; exit 1; }
cat <<'JSON'
{"_meta": {"hostvars": {"m1": {"ansible_host": "192.0.2.51"}, "m2": {}, "m4": {"ansible_port": "2222"}}},
 "all": {"children": ["ungrouped", "east", "west"]},
 "east": {"hosts": ["m1", "m2"], "vars": {"ansible_user": "east"}},
 "west": {"hosts": ["m3", "m1"], "children": ["far"]},
 "far": {"hosts": ["m4"]},
 "ungrouped": {"hosts": ["m5"]}}
JSON
