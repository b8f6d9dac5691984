"""Plans carried out: plain manifests and patches, and the conditional writes that send them."""
