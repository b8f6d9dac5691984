"""The traffic router `istio`: splits of VirtualServices, subsets of a DestinationRule."""
