"""The same results faster: each function stands beside the formula that a test holds it against (`tests/test_fast.py`).

Nothing here checks its arguments, and what works in place cannot be differentiated: the modules of the lecture's
subjects call it once they have checked theirs.
"""
