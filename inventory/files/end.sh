#!/bin/sh
# end CODE: the container ends, as `docker stop` ends it; CODE says why.
echo "$1" >/run/mng-code
kill -TERM "$(cat /run/mng-host)"
