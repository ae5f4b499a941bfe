"""`python -m tests.emulator --engine unix:///…/docker.sock`"""

import argparse
import asyncio
import json
import os
import signal
import sys

from tests.emulator.server import Emulator, Options


async def serve(options: Options, until_eof: bool) -> None:
    ending, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    if until_eof:
        loop.add_reader(sys.stdin, ending.set)
    emulator = Emulator(options)
    await emulator.start()
    print(json.dumps({"url": emulator.url, "admin": emulator.admin, "pid": os.getpid()}), flush=True)
    await ending.wait()
    if until_eof:
        loop.remove_reader(sys.stdin)
    await emulator.end()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.emulator")
    parser.add_argument("--engine", required=True, help="address of a Docker engine on this machine")
    parser.add_argument("--base", default=Options.base, help="image that stands for debian, ubuntu and python")
    parser.add_argument("--faster", type=float, default=Options.faster, help="how fast limits of time pass")
    parser.add_argument("--page", type=int, default=Options.page, help="rows that one call of a list gives")
    parser.add_argument("--builder", default=Options.builder, help="Modal's version of image building")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input is closed or says something")
    given = vars(parser.parse_args())
    until_eof = given.pop("until_eof")
    asyncio.run(serve(Options(**given), until_eof))
    os._exit(0)  # threads of the SDK's, which is imported for one codec, are not waited for


if __name__ == "__main__":
    main()
