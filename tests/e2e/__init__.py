"""End-to-end tests, against real processes."""

import pytest

pytest.register_assert_rewrite("tests.e2e.consequences")
