"""Hosts over SSH: Fabric and paramiko for commands and files, the system's ssh for its settings and for terminals."""
