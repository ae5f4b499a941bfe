"""What is done to a host, one file a role; `role.py` and `ops.py` are what roles are made of."""
