"""The collector walks what a process makes, not what it has loaded."""

import gc
import sys


def test_what_was_loaded_is_set_aside_while_tests_run() -> None:
    walked = {id(one) for one in gc.get_objects()}

    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert id(vars(sys.modules["crm_shared.gc_freeze"])) not in walked
