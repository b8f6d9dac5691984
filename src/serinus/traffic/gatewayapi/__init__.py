"""The traffic router of the Gateway API: weights and header routes in the user's own routes."""
