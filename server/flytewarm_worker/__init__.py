"""What runs in the task's interpreter: zygotes, workers, the way of one execution. Needs nothing beyond flytekit."""
