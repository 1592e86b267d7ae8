"""How to bring about every refusal that has a public code. Each app's `refusals` says how its own come about.

`REFUSALS` is keyed by the code. Each entry makes what it needs in its own world, is refused once, through the door a person
or a program would use, and returns what came of it: an answer of the API, a page, or, where only a race between two clicks
or a page of the staff leads there, the error of the service itself. A new code adds a function; `test_refusals` says so.
"""

from tests.contracts.by_app import rooms
from tests.contracts.refusing import REFUSALS

rooms("refusals")

__all__ = ["REFUSALS"]
