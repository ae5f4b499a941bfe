"""`fab` looks for a file of this name: its tasks are those of tasks.py, and roles: `fab -H PATTERN role NAME`."""

from mng.cli.fab import role
from tasks import ns as ns

ns.add_task(role)
