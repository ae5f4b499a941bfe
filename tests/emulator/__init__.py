"""A stand-in for Modal's servers on loopback, which the real `modal` SDK talks to; no network and no account is used.

Sandboxes are containers of the tests' own Docker engine, volumes are folders, file-system snapshots are `docker commit`s.
In a test (`from tests.bed import modal`; tests/live/test_emulator.py has a fixture):

    cloud = modal.start(engine, faster=10)    # an engine of tests/bed/engine.py; limits of time pass ten times as fast
    world.env.update(cloud.env)               # MODAL_SERVER_URL, a token, no ~/.modal.toml: all that the SDK needs
    cloud.counts()                            # {"SandboxCreateV2": 1, …} since the start or the last cloud.forget()
    cloud.fault("SandboxCreate", status="UNAVAILABLE")    # the next one fails; `rpc` names the V1 and the V2 call alike
    cloud.fault("SandboxCreate", status="UNAVAILABLE", after=True)    # lost answer: it is done, but nobody hears of it
    cloud.fault("SandboxCreate", hang=True, after=True)    # done, and the client waits for ever
    cloud.fault("AppGetOrCreate", hang=True, times=0)     # never answers; times=0: until cloud.mend()
    cloud.fault("SandboxTerminate", status="INTERNAL", times=0)       # terminate fails
    cloud.fault("SandboxList", delay=3)                   # answers late
    cloud.fault("*", status="RESOURCE_EXHAUSTED", times=3, retry_after=0.2)    # throttled: the SDK waits and tries again
    cloud.fault("SandboxCreate", status="RESOURCE_EXHAUSTED", times=0, holds="gpu_type")    # no capacity for GPUs
    cloud.finish("host-1", "timeout")         # the 24 h are over now; or "idle", "terminated", "crash"
    cloud.move("host-1")                      # its tunnels have other addresses
    cloud.lose_volume("mng-state")            # gone, with all that was in it
    cloud.state()                             # sandboxes (with tags, resources, status), images, volumes, as dicts
    cloud.end()                               # every container and image that it made is gone

By itself: `python -m tests.emulator --engine unix:///…/docker.sock` prints one line of JSON (`url`, `admin`, `pid`) and
ends with SIGTERM, SIGINT, or (`--until-eof`) with its standard input.

What differs: any `debian`, `ubuntu` or `python` image is the base image; builds have no network, and their `apt-get
install` only looks whether the package is there; a domain allow-list is refused; CPU and memory are what the machine has.
"""
