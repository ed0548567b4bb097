"""The reference service in this process, as the tests of the reference itself serve it."""

from tests.reference.conftest import client as client
from tests.reference.conftest import serving as serving
