"""What the counts have to be, worked out in plain Python from the rules alone; shares no code with the product."""
from tests.oracle.counting import Order, authors, counts, distinct, fates
from tests.oracle.ledger import records_of_ledger
from tests.oracle.lines import Line
from tests.oracle.tags import key
from tests.oracle.tweets import Tweet, read

__all__ = ["Line", "Order", "Tweet", "authors", "counts", "distinct", "fates", "key", "read", "records_of_ledger"]
