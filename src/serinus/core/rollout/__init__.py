"""What a Rollout should do next: `plan(snapshot) -> Plan`. Read snapshot, actions, plan."""
