"""The desk's day: the queue, one ticket, a new one."""
