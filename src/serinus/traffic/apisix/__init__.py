"""The traffic router of Apache APISIX: weights in an ApisixRoute, header routes in others."""
