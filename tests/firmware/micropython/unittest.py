"""The part of `unittest` that the device's tests use, for MicroPython, which has none.

Same names and meanings as CPython's, so that one test file runs under both. An assertion that is missing here is an
AttributeError in the test, never a silent pass: add it when a test needs it. Nothing of ours belongs here.
"""

import sys


class SkipTest(Exception):
    """Raised by a test that can't run here."""


def skip(reason):
    def mark(what):
        def skipped(*_):
            raise SkipTest(reason)

        if isinstance(what, type):
            what.setUp = skipped
            return what
        return skipped

    return mark


def skipIf(condition, reason):
    return skip(reason) if condition else lambda what: what


def skipUnless(condition, reason):
    return skipIf(not condition, reason)


class _Raises:
    """The context of assertRaises; `exception` is what was raised."""

    def __init__(self, wanted, pattern=None):
        self.wanted = wanted
        self.pattern = pattern
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _trace):
        if kind is None:
            raise AssertionError("not raised: %r" % (self.wanted,))
        if not issubclass(kind, self.wanted):
            return False
        self.exception = error
        if self.pattern is not None:
            import re

            if not re.search(self.pattern, str(error)):
                raise AssertionError("%r is not found in %r" % (self.pattern, str(error)))
        return True


class _SubTest:
    """Says which part of a test failed; unlike CPython's, the first failure ends the test."""

    def __init__(self, what):
        self.what = what

    def __enter__(self):
        return self

    def __exit__(self, kind, _error, _trace):
        if kind is not None:
            print("  in subtest", self.what)
        return False


class TestCase:
    """One test per method named test*, each on an instance of its own."""

    def setUp(self):
        pass

    def tearDown(self):
        pass

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def addCleanup(self, what, *args, **kwargs):
        if not hasattr(self, "_cleanups"):
            self._cleanups = []
        self._cleanups.append((what, args, kwargs))

    def doCleanups(self):
        while getattr(self, "_cleanups", None):
            what, args, kwargs = self._cleanups.pop()
            what(*args, **kwargs)

    def skipTest(self, reason):
        raise SkipTest(reason)

    def subTest(self, *args, **kwargs):
        return _SubTest(args or kwargs)

    def fail(self, msg=None):
        raise AssertionError(msg or "failed")

    def _check(self, holds, said, msg):
        if not holds:
            raise AssertionError(said if msg is None else "%s: %s" % (said, msg))

    def assertTrue(self, a, msg=None):
        self._check(a, "%r is not true" % (a,), msg)

    def assertFalse(self, a, msg=None):
        self._check(not a, "%r is not false" % (a,), msg)

    def assertEqual(self, a, b, msg=None):
        # The words of long values take more heap than there is: they are made only where they are needed.
        if a != b:
            self._check(False, "%r != %r" % (a, b), msg)

    def assertNotEqual(self, a, b, msg=None):
        self._check(a != b, "%r == %r" % (a, b), msg)

    assertListEqual = assertTupleEqual = assertDictEqual = assertSequenceEqual = assertEqual

    def assertAlmostEqual(self, a, b, places=7, msg=None, delta=None):
        near = abs(a - b) <= delta if delta is not None else round(abs(a - b), places) == 0
        self._check(a == b or near, "%r is not nearly %r" % (a, b), msg)

    def assertIs(self, a, b, msg=None):
        self._check(a is b, "%r is not %r" % (a, b), msg)

    def assertIsNot(self, a, b, msg=None):
        self._check(a is not b, "%r is it" % (a,), msg)

    def assertIsNone(self, a, msg=None):
        self._check(a is None, "%r is not None" % (a,), msg)

    def assertIsNotNone(self, a, msg=None):
        self._check(a is not None, "is None", msg)

    def assertIn(self, a, b, msg=None):
        self._check(a in b, "%r is not in %r" % (a, b), msg)

    def assertNotIn(self, a, b, msg=None):
        self._check(a not in b, "%r is in %r" % (a, b), msg)

    def assertIsInstance(self, a, kind, msg=None):
        self._check(isinstance(a, kind), "%r is no %r" % (a, kind), msg)

    def assertLess(self, a, b, msg=None):
        self._check(a < b, "%r is not below %r" % (a, b), msg)

    def assertLessEqual(self, a, b, msg=None):
        self._check(a <= b, "%r is above %r" % (a, b), msg)

    def assertGreater(self, a, b, msg=None):
        self._check(a > b, "%r is not above %r" % (a, b), msg)

    def assertGreaterEqual(self, a, b, msg=None):
        self._check(a >= b, "%r is below %r" % (a, b), msg)

    def assertRaises(self, wanted, what=None, *args, **kwargs):
        context = _Raises(wanted)
        if what is None:
            return context
        with context:
            what(*args, **kwargs)
        return None

    def assertRaisesRegex(self, wanted, pattern):
        return _Raises(wanted, pattern)


def _run_one(kind, name):
    """'ok', 'skipped' or 'FAILED', said on a line of its own after the traceback, if any."""
    case = kind()
    result = "ok"
    try:
        case.setUp()
        try:
            getattr(case, name)()
        finally:
            case.tearDown()
    except SkipTest as error:
        result = "skipped"
        print("  ", error)
    except Exception as error:
        result = "FAILED"
        sys.print_exception(error)
    try:
        case.doCleanups()
    except Exception as error:
        result = "FAILED"
        sys.print_exception(error)
    print(kind.__name__ + "." + name, result)
    return result


def run(module):
    """Run every test of `module`; returns how many were ok, skipped and FAILED, in that order."""
    counts = {"ok": 0, "skipped": 0, "FAILED": 0}
    for kind_name in sorted(dir(module)):
        kind = getattr(module, kind_name)
        if not (isinstance(kind, type) and issubclass(kind, TestCase)) or kind is TestCase:
            continue
        kind.setUpClass()
        for name in sorted(set(dir(kind))):
            if name.startswith("test"):
                counts[_run_one(kind, name)] += 1
        kind.tearDownClass()
    return counts["ok"], counts["skipped"], counts["FAILED"]


def main(*_args, **_kwargs):
    """Nothing: under MicroPython run_micropython.py runs the file."""
