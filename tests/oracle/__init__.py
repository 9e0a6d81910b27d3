"""What the counts have to be, worked out in plain Python from the rules alone; shares no code with the product."""
from tests.oracle.counting import Order, authors, counts, distinct, fates, measures, rows
from tests.oracle.ledger import Unsent, lost_of_ledger, records_of_ledger, unsent_of_ledger
from tests.oracle.lines import Line
from tests.oracle.tags import key
from tests.oracle.trends import Trend, trends
from tests.oracle.tweets import Tweet, read

__all__ = ["Line", "Order", "Trend", "Tweet", "Unsent", "authors", "counts", "distinct", "fates", "key",
           "lost_of_ledger", "measures", "read", "records_of_ledger", "rows", "trends", "unsent_of_ledger"]
