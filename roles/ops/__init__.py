"""Ops, what roles are made of: each reads first, changes only what isn't right, and is True if it changed it."""

from mng.roles.ops.content import block as block
from mng.roles.ops.content import json_keys as json_keys
from mng.roles.ops.content import line as line
from mng.roles.ops.content import text_at as text_at
from mng.roles.ops.files import copy as copy
from mng.roles.ops.files import directory as directory
from mng.roles.ops.files import file as file
from mng.roles.ops.files import read as read
from mng.roles.ops.files import template as template
from mng.roles.ops.programs import command as command
from mng.roles.ops.programs import package as package
from mng.roles.ops.programs import program as program
from mng.roles.ops.services import service as service
