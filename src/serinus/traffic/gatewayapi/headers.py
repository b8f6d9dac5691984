"""Header routes in a route of the Gateway API: rules of their own, in front of those that split.

Pure.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from serinus.core.routing import HeaderRoute
from serinus.traffic.gatewayapi.route import Rule, Split, leads_to, splits
from serinus.traffic.router import RoutingError

EVERYTHING: Mapping[str, Mapping[str, Any]] = {
    "HTTPRoute": {"path": {"type": "PathPrefix", "value": "/"}},
    "GRPCRoute": {},
}
"""What a rule without matches matches."""


def matches_for(rule: Rule, route: HeaderRoute) -> bool:
    """Every match of the rule asks for all headers of the route."""
    wanted = [_header(*match) for match in route.matches]
    matches = rule.get("matches") or ()
    return bool(matches) and all(
        all(header in (match.get("headers") or ()) for header in wanted) for match in matches
    )


def rules_for(one: Split, route: HeaderRoute, others: Sequence[Rule]) -> list[Rule]:
    """For each rule that splits: the same, for requests with these headers, to the canary alone.

    More specific than the rule that it copies, so it comes first whatever the order.
    """
    made = []
    for rule in others:
        if not splits(one, rule):
            continue
        refs = [ref for ref in rule["backendRefs"] if leads_to(one, ref, one.route.canary_service)]
        matches = rule.get("matches") or [dict(EVERYTHING[one.kind.kind])]
        copied = {key: value for key, value in rule.items() if key != "name"}
        copied["backendRefs"] = [refs[0] | {"weight": 1}]
        copied["matches"] = [_with_headers(one, match, route) for match in matches]
        made.append(copy.deepcopy(copied))
    return made


def _with_headers(one: Split, match: Mapping[str, Any], route: HeaderRoute) -> dict[str, Any]:
    headers = [*(match.get("headers") or ()), *(_header(*found) for found in route.matches)]
    names = [str(header.get("name")).lower() for header in headers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RoutingError(
            f"header route {route.name}: {one} can match {', '.join(twice)} only once in a rule"
        )
    return {**match, "headers": headers}


def _header(name: str, kind: str, value: str) -> dict[str, str]:
    """A prefix is a regular expression here, anchored for proxies that search anywhere."""
    if kind == "prefix":
        value = f"^{re.escape(value)}.*"
    way = "Exact" if kind == "exact" else "RegularExpression"
    return {"name": name, "type": way, "value": value}
