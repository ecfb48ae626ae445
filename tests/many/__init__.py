"""Many accounts under a real Airflow: Celery workers, PostgreSQL and Redis from packages.

`make test` runs five accounts, `make test-many` (``SEARCH=longest``) twenty.
"""
