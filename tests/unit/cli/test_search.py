"""Questions as people put them, and the line that answers them; without any agent."""

import pytest

from mng.cli.search import search
from mng.commands import contents

QUESTIONS = {
    "How do I create a container on modal with custom packages installed by default?":
        'mng create --in modal --build-arg "--dockerfile path/to/Dockerfile"',
    "how do I delete an agent?": "mng destroy web",
    "get rid of every agent at once": "mng destroy --all --force",
    "How can I talk to an agent that is running?": 'mng message web -m "Run the tests"',
    "wait until an agent has answered": 'mng message web --wait -m "Are you done?"',
    "see the chat history of an agent": "mng logs web transcript",
    "how to attach to the terminal": "mng connect web",
    "which agents are there and what are they doing": "mng list",
    "use codex instead of claude": "mng create web codex",
    "how do I start an agent with a prompt without waiting": 'mng create web --no-connect --message "Speed up one of the tests"',
    "pause an agent for later": "mng stop web",
    "how do I resume a stopped agent": "mng start web",
    "run a shell command in an agent's work dir": 'mng exec web "git log --oneline -5"',
    "what did the agent change?": 'mng exec web "git diff"',
    "rename an agent": "mng rename web shop",
    "set environment variables": "mng create web --env LOG=debug --env-file .env",
    "pass my github token to the agent": "mng create web --pass-env GITHUB_TOKEN",
    "work in the current folder, no worktree": "mng create web --in-place",
    "my repository has uncommitted changes": "mng create web --no-ensure-clean",
    "start from the develop branch": "mng create web --base-branch main --new-branch=fix-login",
    "choose the model of the agent, opus": "mng create web -- --model opus",
    "JSON output for a script": "mng list --json",
    "filter agents by label": "mng list --include 'labels.team == \"blue\"'",
    "make codex the default agent type": "mng config set commands.create.type codex",
    "block internet access": "mng create --in modal --build-arg offline",
    "run npm install before the agent starts": 'mng create web --user-command "npm install"',
    "stop the remote host when idle to save costs": "mng create --in modal --idle-timeout 60",
    "dev server in a second tmux window": 'mng create web --add-cmd "server=npm run dev"',
    "how do I look at what an agent's screen shows": "mng logs web screen",
    "keep the logs when destroying": "mng destroy --keep-logs",
    "how long may the agent take to be ready": "mng create --ready-timeout DURATION",
    "sort the list of agents": "mng list --sort SORT",
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_best_line_answers(question: str) -> None:
    found = search(contents, question)
    assert found[0].line == QUESTIONS[question], "\n".join(f"{one.score:6.2f} {one.line}" for one in found)


def test_what_it_knows_nothing_of() -> None:
    assert search(contents, "") == [] == search(contents, "bake bread, knead dough")
