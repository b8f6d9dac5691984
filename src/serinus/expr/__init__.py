"""The condition language of Argo Rollouts (expr-lang): text to a closure. Reads no clock."""
