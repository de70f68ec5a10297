"""The memory of a long-running process: what it has loaded stays, and need not be looked through for garbage."""

import gc


def settle() -> None:
    """Call it once everything is loaded, before the work begins.

    Python looks through all that it holds for cycles, again and again; with a program of this size that costs an alarm a
    tenth of its time, and now and then a tenth of a second at once. From here on only what is newer is looked at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
