"""The page in Airflow: routes, the page's own files, and how Airflow shows it. What it says is deploy.views'."""
