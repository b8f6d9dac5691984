"""Ingresses of the AWS Load Balancer Controller as a traffic router."""
