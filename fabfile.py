"""`fab` looks for a file of this name: its tasks are those of tasks.py."""

from tasks import ns as ns
