# One image for web, worker and commands. PostgreSQL is not in it: DATABASE_URL names yours.
FROM python:3.12-slim AS packages
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

FROM python:3.12-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_ROOT=/srv/static
RUN useradd --system --uid 10001 --home-dir /srv regulars
COPY --from=packages /venv /venv
WORKDIR /srv/regulars
COPY manage.py LICENSE ./
COPY loyalty_site loyalty_site
COPY loyalty loyalty
COPY notifications notifications
COPY referrals referrals
COPY templates templates
COPY fixtures fixtures
# No server listens there: collecting files looks at none.
RUN DATABASE_URL="postgresql://nobody@/none?host=/nonexistent" python manage.py collectstatic --no-input --verbosity 0
ARG CODE_VERSION=""
ENV CODE_VERSION=$CODE_VERSION
USER regulars
EXPOSE 8000
CMD ["gunicorn", "loyalty_site.wsgi", "--bind=0.0.0.0:8000", "--config=python:loyalty_site.web", "--workers=2", "--worker-tmp-dir=/dev/shm"]
