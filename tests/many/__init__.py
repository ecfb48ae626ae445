"""Many accounts under a real Airflow: Celery workers, PostgreSQL and Redis, all out of packages.

`make test` runs five accounts, `make test-many` (``SEARCH=longest``) twenty.
"""
