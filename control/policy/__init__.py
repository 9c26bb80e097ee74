"""Network policy as Kubernetes has it: what is read, what it means, and what workers are told of it."""
