"""What the page shows, as plain data: a module a view, each with one function that reads and gives what JSON can hold.

Nothing here needs a JVM, Airflow or a terminal, and nothing changes anything. Instants are ms since 1970.
"""
