"""The flytewarm service: requests in, event streams out. Imports neither flytekit nor user code."""
