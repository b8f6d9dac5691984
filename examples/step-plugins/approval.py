"""A step plugin in Python: opens a change ticket, waits until it is approved, withdraws it again.

    - plugin:
        name: approval
        config: {tickets: "https://tickets.example.com/api", secret: tickets-token}

Tested by tests/examples/test_step_plugins.py; docs/step-plugins.md explains it.
"""

from __future__ import annotations

import json
from typing import Any

from serinus.steps import HttpRequest, Operation, Phase, StepAnswer, StepCall, Tools

OUTCOMES = {"approved": Phase.SUCCESSFUL, "rejected": Phase.FAILED}


class Approval:
    """The state is the number of the ticket."""

    async def call(self, call: StepCall, tools: Tools) -> StepAnswer:
        if call.asked.operation != Operation.RUN:
            return await self._withdraw(call, tools)
        if call.state is None:
            body = {"title": f"release {call.canary_hash} of {call.name}", "key": call.id}
            ticket = await ask(call, tools, "POST", "/tickets", body)
        else:
            ticket = await ask(call, tools, "GET", f"/tickets/{call.state['ticket']}")
        return StepAnswer(
            phase=OUTCOMES.get(ticket["status"], Phase.RUNNING),
            message=f"ticket {ticket['id']} is {ticket['status']}",
            state={"ticket": ticket["id"]},
            requeue_after_seconds=15,
        )

    async def _withdraw(self, call: StepCall, tools: Tools) -> StepAnswer:
        if call.state is not None:
            await ask(call, tools, "DELETE", f"/tickets/{call.state['ticket']}")
        return StepAnswer(phase=Phase.SUCCESSFUL, message="withdrawn")

    def problems(self, config: Any) -> tuple[str, ...]:
        given = config if isinstance(config, dict) else {}
        return tuple(f"{key} is missing" for key in ("tickets", "secret") if not given.get(key))


async def ask(
    call: StepCall, tools: Tools, method: str, path: str, body: dict[str, str] | None = None
) -> Any:
    """What the ticket system answers; an exception, and so an Error, if it is not a success."""
    token = await tools.secret(call.config["secret"], "token")
    request = HttpRequest(
        method=method,
        url=call.config["tickets"] + path,
        headers=(("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")),
        body=None if body is None else json.dumps(body),
    )
    answer = await tools.send(request)
    if answer.status >= 300:
        raise ConnectionError(answer.status)
    return json.loads(answer.body or b"null")
