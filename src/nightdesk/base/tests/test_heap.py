import gc
import subprocess
import sys


def test_what_is_loaded_is_looked_through_no_more_and_new_garbage_is_still_found():
    program = """
import gc, weakref
from nightdesk.base import heap
class Node: pass
heap.settle()
old, node = gc.get_freeze_count(), Node()
node.itself = node
gone = weakref.ref(node)
del node
gc.collect()
print(old > 1000, gone() is None)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
    assert gc.get_freeze_count() == 0, "this process is not touched"
