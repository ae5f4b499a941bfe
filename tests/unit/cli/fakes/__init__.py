"""Commands to test the command line layer with: they return the options they got."""

from mng.cli.contents import Contents, Entry

contents = Contents(
    __name__,
    {
        "create": Entry("Create and run an agent", "For managing agents", ("c",)),
        "list": Entry("List agents", "For managing agents", ("ls",)),
        "destroy": Entry("Destroy agents", "For managing agents", ("rm",)),
        "exec": Entry("Run a shell command", "For managing agents", ("x",)),
        "fail": Entry("Fail in some way", "For maintenance"),
        "snapshot create": Entry("Keep a host's state", "For maintenance", ("snapshot", "snap", "snap create")),
        "snapshot list": Entry("List kept states", "For maintenance", ("snap list",)),
    },
    default="create",
    later=("clone", "push"),
)
