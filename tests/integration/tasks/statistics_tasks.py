"""Tasks that send statistics."""

import flytekit
from flytekit import task


@task
def sends() -> int:
    stats = flytekit.current_context().stats
    stats.incr("count", 3)
    stats.decr("count")
    stats.incr("sampled", rate=1)
    stats.gauge("level", 2.5)
    stats.gauge("level", -1, delta=True)
    stats.timing("took", 12, tags={"step": "one", "odd": "a|b.c:d"})
    stats.set("people", "someone")
    with stats.timer("block"):
        pass
    pipeline = stats.pipeline()
    pipeline.incr("together")
    pipeline.gauge("apart", 1)
    pipeline.send()
    stats.incr("host", per_host=True)
    stats.extend_tags({"later": "yes"})
    stats.incr("tagged")
    return 1
