def any_task(:
    return "this is no Python"
