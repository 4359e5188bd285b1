"""What keeps strangers out: certificates, tokens, and what requests may name."""
