"""Airflow's side of `deploy`: operators, triggers, links. Import deploy.airflow; `airflow` is the library."""
