"""What of this machine is used: processes, ports, what they use, web servers on the loopback."""
