#!/bin/sh
case $1 in
--list) echo '{"web": ["o1", "o2"], "single": {"ansible_user": "one"}, "two": {"hosts": ["o2"], "vars": {"ansible_port": 23}}}' ;;
--host) echo "{\"ansible_host\": \"$2.example.com\"}" ;;
esac
